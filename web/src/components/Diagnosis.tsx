import { Anchor, Collapse, Group, Skeleton, Stack, Text, VisuallyHidden } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconAlertCircle, IconAlertTriangle, IconCheck, IconCircleCheck, IconClock, IconX } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { ProblemError, type Schemas } from "@/api/client";
import { partOf, type Resource } from "@/api/resources";
import classes from "./Diagnosis.module.css";
import { ErrorNotice } from "./states";
import { Ago } from "./time";

type Diagnosis = Schemas["Diagnosis"];
type Diagnosed = Extract<Resource, "models" | "deployments" | "results" | "inferences">;

type Tone = "well" | "calm" | "waits" | "failed";

const SIGNS = { well: IconCircleCheck, calm: IconClock, waits: IconAlertTriangle, failed: IconAlertCircle } as const;

/** Reasons not to run that are in order: somebody wanted it so, or it goes on by itself. */
const CALM: readonly string[] = [
  "awaiting_stream",
  "no_input",
  "paused",
  "pending",
  "stopped",
  "stopping",
  "validating",
];

/** Why something runs or does not: one sentence, what to do, and what each part of the platform says. */
export function DiagnosisNotice({ resource, id }: { resource: Diagnosed; id: number }) {
  const query = useQuery(partOf<Diagnosis>(resource, id, "diagnosis"));
  if (query.data !== undefined) return <DiagnosisView diagnosis={query.data} />;
  if (query.error instanceof ProblemError && query.error.status === 404) return null;
  if (query.error !== null)
    return (
      <ErrorNotice
        error={query.error}
        title="What the platform's parts say of it can't be shown"
        onRetry={() => void query.refetch()}
      />
    );
  return <Skeleton height={48} radius="md" aria-busy="true" aria-label="Finding out how it is" />;
}

export function DiagnosisView({ diagnosis }: { diagnosis: Diagnosis }) {
  const tone = toneOf(diagnosis);
  const Sign = SIGNS[tone];
  const { facts } = diagnosis;
  const [shown, { toggle }] = useDisclosure(false);
  const isCalm = tone === "well" || tone === "calm";
  const open = !isCalm || shown;
  return (
    <section className={classes.notice} data-tone={tone} aria-label="How it is">
      <Group gap="sm" wrap="nowrap" align="flex-start">
        <Sign size={18} className={classes.sign} data-tone={tone} aria-hidden />
        <Stack gap={6} className={classes.words ?? ""}>
          <Group justify="space-between" gap="xs" align="baseline">
            <Text size="sm" fw={550} role="status">
              {diagnosis.sentence}
            </Text>
            {diagnosis.since !== null && (
              <Text size="xs" className="quiet">
                since <Ago time={diagnosis.since} />
              </Text>
            )}
          </Group>
          {diagnosis.advice !== null && <Text size="sm">{diagnosis.advice}</Text>}
          {facts.length > 0 && isCalm && (
            <Anchor component="button" type="button" size="xs" ta="left" aria-expanded={shown} onClick={toggle}>
              {shown ? "Hide what the parts say" : "What the parts say"}
            </Anchor>
          )}
          <Collapse expanded={open}>
            <ul className={classes.facts}>
              {facts.map((fact) => (
                <FactLine key={`${fact.part} ${fact.text}`} fact={fact} />
              ))}
            </ul>
          </Collapse>
        </Stack>
      </Group>
    </section>
  );
}

function FactLine({ fact: { part, text, healthy } }: { fact: Schemas["Fact"] }) {
  const Sign = healthy ? IconCheck : IconX;
  return (
    <li>
      <Sign size={16} className={classes.sign} data-tone={healthy ? "well" : "failed"} aria-hidden />
      <span className={classes.part}>
        <VisuallyHidden>{healthy ? "Well: " : "Not well: "}</VisuallyHidden>
        {part}
      </span>
      <span className={classes.words}>{text}</span>
    </li>
  );
}

function toneOf({ state, code, facts }: Diagnosis): Tone {
  if (state === "failed" || state === "invalid") return "failed";
  if (facts.some(({ healthy }) => !healthy)) return "waits";
  if (code === "ok") return "well";
  return CALM.includes(code) ? "calm" : "waits";
}
