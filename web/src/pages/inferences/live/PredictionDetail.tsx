import { Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { seriesColour } from "@/app/theme";
import { Facts } from "@/components/Facts";
import { clock, count, metric, percent } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { messageAt, SampleView } from "@/components/messages";
import { ErrorNotice } from "@/components/states";
import classes from "./live.module.css";
import { Verdict } from "./PredictionList";
import { inputOf, readingOf } from "./reading";
import type { Row } from "./store";

interface PredictionDetailProps {
  row: Row | null;
  binary: boolean;
  inferenceId: number;
}

/** One prediction: the message that it was made for, and what the model said of each class. */
export function PredictionDetail({ row, binary, inferenceId }: PredictionDetailProps) {
  if (row === null) {
    return (
      <section className={classes.detail} aria-label="Chosen prediction">
        <Text size="sm" className="quiet">
          Choose a prediction to see the message that it was made for, and what the model says in full.
        </Text>
      </section>
    );
  }
  const { prediction } = row;
  const reading = readingOf(prediction, binary);
  const input = inputOf(prediction.input);
  return (
    <section className={classes.detail} aria-label="Chosen prediction">
      <Stack gap="sm">
        {input !== null && <Input input={input} inferenceId={inferenceId} />}
        {reading?.kind === "class" && <Probabilities probabilities={reading.probabilities} />}
        {reading?.kind === "numbers" && (
          <Text size="sm" ff="monospace" style={{ overflowWrap: "anywhere" }}>
            {reading.values.map((value) => metric(value)).join(", ")}
          </Text>
        )}
        <Verdict reading={reading} />
        <Facts
          facts={[
            ["Time", prediction.time === null ? "–" : clock(prediction.time)],
            ["Key", prediction.key ?? undefined],
            ["Written to", `partition ${prediction.partition}, offset ${count(prediction.offset)}`],
            ["Read from", input === null ? undefined : `partition ${input.partition}, offset ${count(input.offset)}`],
            ["Result", prediction.model_version?.split(":")[0] ?? undefined],
          ]}
        />
      </Stack>
    </section>
  );
}

function Input({
  input,
  inferenceId,
}: {
  input: { topic: string; partition: number; offset: number };
  inferenceId: number;
}) {
  const { topic, partition, offset } = input;
  const message = useQuery(messageAt(topic, partition, offset, { inference_id: inferenceId }));
  if (message.error !== null)
    return (
      <ErrorNotice error={message.error} title="The message can't be shown" onRetry={() => void message.refetch()} />
    );
  return (
    <Group align="flex-start" wrap="nowrap" mih={112}>
      {message.data === undefined ? (
        <Text size="sm" className="quiet" role="status">
          Reading the message…
        </Text>
      ) : message.data === null ? (
        <Text size="sm" className="quiet">
          The message is no longer in the log.
        </Text>
      ) : (
        <Stack gap={6}>
          {message.data.sample !== null && <SampleView sample={message.data.sample} size={112} />}
          <LinkAnchor
            to="/topics/$name"
            params={{ name: topic }}
            search={{ partition: String(partition), offset: String(offset), inference: String(inferenceId) }}
            size="xs"
          >
            Show in {topic}
          </LinkAnchor>
        </Stack>
      )}
    </Group>
  );
}

const MOST = 12;

/** The likeliest classes with their probabilities. */
function Probabilities({ probabilities }: { probabilities: readonly number[] }) {
  const ranked = probabilities
    .map((probability, index) => ({ index, probability }))
    .sort((one, other) => other.probability - one.probability);
  const shown = ranked.slice(0, MOST);
  const inOrder = ranked.length <= MOST ? shown.sort((one, other) => one.index - other.index) : shown;
  return (
    <ul className={classes.shares} aria-label="Probability of each class">
      {inOrder.map(({ index, probability }) => (
        <li key={index} className={classes.share} style={{ gridTemplateColumns: "52px 1fr 56px" }}>
          <span>Class {index}</span>
          <span className={classes.track} aria-hidden>
            <span style={{ width: `${probability * 100}%`, background: seriesColour(index) }} />
          </span>
          <span className="numeric" style={{ textAlign: "right" }}>
            {percent(probability)}
          </span>
        </li>
      ))}
      {ranked.length > MOST && (
        <li>
          <Text size="xs" className="quiet">
            and {ranked.length - MOST} less likely
          </Text>
        </li>
      )}
    </ul>
  );
}
