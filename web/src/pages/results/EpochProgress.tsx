import { Progress, Stack, Text } from "@mantine/core";
import type { Schemas } from "@/api/client";
import { count, duration } from "@/components/formats";

interface EpochProgressProps {
  state: Schemas["ResultState"];
  epochs: number | null;
  done: number;
  /** Seconds until it is done, if that is known. */
  left?: number | null;
  label: string;
}

const COLOURS: Partial<Record<Schemas["ResultState"], string>> = { finished: "teal", failed: "red", stopped: "gray" };

/** How far a training is: epochs that are done, and how long the others may take. */
export function EpochProgress({ state, epochs, done, left = null, label }: EpochProgressProps) {
  const isKnown = epochs !== null && epochs > 0;
  const words = isKnown
    ? `Epoch ${count(done)} of ${count(epochs)}`
    : state === "running"
      ? "Reads the stream"
      : "Not begun";
  const more = state === "running" && left !== null && left > 0 ? `, about ${duration(left)} left` : "";
  return (
    <Stack gap={4} miw={110}>
      <Progress
        size="sm"
        value={isKnown ? (100 * done) / epochs : 0}
        color={COLOURS[state] ?? "tide"}
        aria-label={`${label}: ${words}${more}`}
        animated={state === "running"}
      />
      <Text span size="xs" className="quiet numeric" truncate>
        {words}
        {more}
      </Text>
    </Stack>
  );
}
