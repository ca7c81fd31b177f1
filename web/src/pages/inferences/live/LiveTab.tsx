import { Group, Stack, Text } from "@mantine/core";
import { IconTopologyStar3 } from "@tabler/icons-react";
import { memo, useMemo } from "react";
import type { Items } from "@/api/resources";
import { compact, count, milliseconds, percent } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { Section } from "@/components/Section";
import { EmptyState } from "@/components/states";
import { isGoing } from "../actions";
import type { Moment } from "../progress";
import { RateNow } from "../RateNow";
import { useCourse } from "../useCourses";
import { ClassesOverTime } from "./ClassesOverTime";
import { CourseCharts } from "./CourseCharts";
import classes from "./live.module.css";
import { NumbersOverTime } from "./NumbersOverTime";
import { PredictionList } from "./PredictionList";
import { type Reading, readingOf } from "./reading";
import { SendSnippet } from "./SendSnippet";
import type { Snapshot } from "./store";
import { type Following, usePredictions } from "./usePredictions";

type Inference = Items["inferences"];

/** What an inference does at this moment. */
export function LiveTab({ inference }: { inference: Inference }) {
  const moments = useCourse(inference.id);
  const { id, input_topic } = inference;
  const isPaused = inference.replicas === 0;
  const going = isGoing(inference);
  return (
    <Stack gap="md">
      <Numbers inference={inference} moment={moments.at(-1)} />
      <Section title="The last minutes">
        <CourseCharts moments={moments} />
      </Section>
      <PredictionsNow id={id} topic={input_topic} isPaused={isPaused} going={going} />
      <Section title="Send to it">
        <SendSnippet inference={inference} />
      </Section>
    </Stack>
  );
}

interface PredictionsNowProps {
  id: number;
  topic: string;
  isPaused: boolean;
  going: boolean;
}

/** What comes four times a second stands apart from what comes seldom, so that only this is drawn as often. */
const PredictionsNow = memo(function PredictionsNow({ id, topic, isPaused, going }: PredictionsNowProps) {
  const { snapshot, state } = usePredictions(id);
  const kind = useMemo(() => kindOf(snapshot), [snapshot]);
  const line = <Line state={state} going={going} />;
  if (kind === null) {
    return (
      <Section title="Predictions" actions={line}>
        <EmptyState
          icon={IconTopologyStar3}
          title="No predictions yet"
          text={
            isPaused
              ? "It is paused. What comes in waits until it goes on."
              : `They show here as soon as messages come in on ${topic}.`
          }
        />
      </Section>
    );
  }
  return (
    <>
      {kind !== "other" && (
        <Section
          title={kind === "class" ? "Classes of the last minute" : "Values"}
          actions={
            <Group gap="md">
              <Accuracy snapshot={snapshot} />
              {line}
            </Group>
          }
        >
          {kind === "class" ? (
            <ClassesOverTime seconds={snapshot.seconds} />
          ) : (
            <NumbersOverTime latest={snapshot.latest} />
          )}
        </Section>
      )}
      <Section title="Latest predictions" actions={kind === "other" ? line : undefined}>
        <PredictionList snapshot={snapshot} inferenceId={id} />
      </Section>
    </>
  );
});

function kindOf({ latest, binary }: Snapshot): Reading["kind"] | "other" | null {
  const last = latest.at(-1);
  if (last === undefined) return null;
  return readingOf(last.prediction, binary)?.kind ?? "other";
}

function Numbers({ inference, moment }: { inference: Inference; moment: Moment | undefined }) {
  const numbers: readonly [string, React.ReactNode][] = [
    ["Rate", <RateNow key="rate" inference={inference} moment={moment} />],
    ["Latency p50", milliseconds(moment?.p50 ?? inference.latency_p50_ms)],
    ["Latency p99", milliseconds(moment?.p99 ?? inference.latency_p99_ms)],
    [
      "Lag",
      <span key="lag" title={count(moment?.lag ?? inference.lag)}>
        {compact(moment?.lag ?? inference.lag)}
      </span>,
    ],
    [
      "Predicted",
      <span key="predicted" title={count(inference.predicted)}>
        {compact(inference.predicted)}
      </span>,
    ],
    [
      "Dead letters",
      inference.dead_letters === 0 ? (
        "0"
      ) : (
        <LinkAnchor key="letters" to="/dead-letters" search={{ topic: inference.input_topic }} fz={22} fw={650}>
          {compact(inference.dead_letters)}
        </LinkAnchor>
      ),
    ],
  ];
  return (
    <dl className={classes.numbers} aria-label="How it does" style={{ margin: 0 }}>
      {numbers.map(([label, value]) => (
        <div key={label} className={classes.number}>
          <dt>{label}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** How many of those with a known truth were right, since the page was opened. */
function Accuracy({ snapshot }: { snapshot: Snapshot }) {
  const { right, judged } = useMemo(() => judgedOf(snapshot), [snapshot]);
  if (judged === 0) return null;
  return (
    <Text size="sm" className="numeric" title="Since the page was opened, where the truth is known">
      <strong>{percent(right / judged)}</strong> right of {count(judged)}
    </Text>
  );
}

/** One of two classes is judged here, as the server tells it from no other number. */
function judgedOf({ binary, latest, right, judged }: Snapshot): { right: number; judged: number } {
  if (!binary) return { right, judged };
  const known = latest.flatMap(({ prediction }) => {
    const reading = readingOf(prediction, true);
    return reading?.kind === "class" && reading.truth !== null ? [reading.truth === reading.winner] : [];
  });
  return { right: known.filter(Boolean).length, judged: known.length };
}

const SAID: Record<Following, string> = {
  connecting: "Opening the line",
  following: "Following",
  lost: "Not followed just now; tried again",
};

function Line({ state, going }: { state: Following; going: boolean }) {
  return (
    <Text size="xs" className="quiet" role="status">
      {going ? SAID[state] : "It has ended; these are its last"}
    </Text>
  );
}
