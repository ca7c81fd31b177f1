import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import type { Items } from "@/api/resources";
import { Sparkline } from "@/components/chart/Sparkline";
import { count, milliseconds, rate } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { Section } from "@/components/Section";
import { ErrorNotice, Loading } from "@/components/states";
import classes from "./overview.module.css";
import { inState } from "./useOverview";

const KEPT = 60;

/** The inferences that run: how fast they are, and what waits. */
export function Predicting({ overview }: { overview: Schemas["Overview"] }) {
  const running = useQuery(inState("inferences", "running"));
  const items = running.data?.items ?? [];
  const total = overview.inferences.running ?? 0;
  return (
    <Section
      title="Inference"
      actions={
        <LinkAnchor to="/inferences" size="sm">
          {total > items.length ? `All ${count(total)} that run` : "All inferences"}
        </LinkAnchor>
      }
    >
      {running.error !== null && items.length === 0 ? (
        <ErrorNotice
          error={running.error}
          title="The inferences can't be shown"
          onRetry={() => void running.refetch()}
        />
      ) : running.data === undefined ? (
        <Loading rows={2} />
      ) : items.length === 0 ? (
        <Text size="sm" className="quiet">
          No inference runs just now.
        </Text>
      ) : (
        <ul className={classes.lines}>
          {items.map((inference) => (
            <Inference key={inference.id} inference={inference} />
          ))}
        </ul>
      )}
    </Section>
  );
}

function Inference({ inference }: { inference: Items["inferences"] }) {
  const rates = useCourse(inference.updated_at, inference.rate);
  return (
    <li className={classes.inference}>
      <div className={classes.name}>
        <LinkAnchor to="/inferences/$id" params={{ id: inference.id }} size="sm" fw={550}>
          {inference.model_name}
        </LinkAnchor>
        <Text size="xs" className="quiet" truncate>
          {inference.input_topic} → {inference.output_topic}
        </Text>
      </div>
      <div className={classes.figures}>
        <span className={classes.course}>
          <Sparkline values={rates} label={`Rate over the last minutes, now ${rate(inference.rate)}`} />
        </span>
        <Figure label="Rate" value={rate(inference.rate)} />
        <Figure label="99 % within" value={milliseconds(inference.latency_p99_ms)} />
        <Figure
          label="Waiting"
          value={count(inference.lag)}
          warn={inference.lag > Math.max(100, 10 * inference.rate)}
        />
      </div>
    </li>
  );
}

function Figure({ label, value, warn = false }: { label: string; value: string; warn?: boolean }) {
  return (
    <div className={classes.figure} data-warn={warn || undefined}>
      <span className={classes.figureValue}>{value}</span>
      <span className="quiet">{warn ? "Falls behind" : label}</span>
    </div>
  );
}

/** The last values of something, kept while it is looked at: one for each time that it was reported. */
function useCourse(time: string, value: number): readonly number[] {
  const [course, setCourse] = useState({ time, values: [value] });
  if (course.time !== time) setCourse({ time, values: [...course.values, value].slice(-KEPT) });
  return course.values;
}
