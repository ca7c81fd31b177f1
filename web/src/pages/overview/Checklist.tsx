import { CloseButton, Group, Progress, Text, Title, VisuallyHidden } from "@mantine/core";
import { useLocalStorage } from "@mantine/hooks";
import { IconArrowRight, IconCheck } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "@/api/client";
import { LinkButton } from "@/components/links";
import classes from "./overview.module.css";
import { type Step, stepsOf, sum } from "./steps";
import { inState } from "./useOverview";

/** From the first model to the first prediction: what is done, and what is next. Away when all is done, or when nobody wants it. */
export function Checklist({ overview }: { overview: Schemas["Overview"] }) {
  const [hidden, setHidden] = useLocalStorage({ key: "kafka-ml-checklist-hidden", defaultValue: false });
  const awaiting = useQuery({
    ...inState("deployments", "awaiting"),
    enabled: (overview.deployments.awaiting ?? 0) > 0,
  });
  const trained = useQuery({
    ...inState("results", "finished"),
    enabled: (overview.results.finished ?? 0) > 0 && sum(overview.inferences) === 0,
  });
  const steps = stepsOf(overview, awaiting.data?.items[0]?.id ?? null, trained.data?.items[0]?.id ?? null);
  const next = steps.find(({ done }) => !done);
  if (next === undefined || hidden) return null;
  const done = steps.filter((step) => step.done).length;
  return (
    <section className={classes.checklist} aria-labelledby="checklist">
      <Group justify="space-between" gap="sm" wrap="nowrap" mb="sm">
        <div>
          <Title order={2} size="h4" id="checklist">
            From a first model to a first prediction
          </Title>
          <Text size="sm" className="quiet">
            {done} of {steps.length} steps done
          </Text>
        </div>
        <CloseButton aria-label="Hide these steps" onClick={() => setHidden(true)} />
      </Group>
      <Progress
        value={(100 * done) / steps.length}
        size="xs"
        mb="md"
        aria-label={`${done} of ${steps.length} steps done`}
      />
      <ol className={classes.steps}>
        {steps.map((step, index) => (
          <StepLine key={step.title} step={step} number={index + 1} isNext={step === next} />
        ))}
      </ol>
    </section>
  );
}

function StepLine({ step, number, isNext }: { step: Step; number: number; isNext: boolean }) {
  return (
    <li className={classes.step} data-done={step.done || undefined} {...(isNext ? { "aria-current": "step" } : {})}>
      <span className={classes.number} aria-hidden>
        {step.done ? <IconCheck size={15} stroke={2.5} /> : number}
      </span>
      <div className={classes.stepText}>
        <Text size="sm" fw={600}>
          {step.title}
          {step.done && <VisuallyHidden> (done)</VisuallyHidden>}
        </Text>
        <Text size="xs" className="quiet">
          {step.text}
        </Text>
        {isNext && (
          <LinkButton
            to={step.href}
            search={step.search ?? {}}
            size="xs"
            mt={8}
            rightSection={<IconArrowRight size={14} />}
          >
            {step.action}
          </LinkButton>
        )}
      </div>
    </li>
  );
}
