import { Group, Select, SimpleGrid, Text } from "@mantine/core";
import { useMemo, useState } from "react";
import { clock, count, metric } from "@/components/formats";
import { readingOf } from "./reading";
import { Scatter } from "./Scatter";
import type { Row } from "./store";

const MOST = 500;

interface Measured {
  time: number;
  value: number;
  truth: number | null;
}

/** What a model says that gives numbers: against the truth where that is known, else over time. */
export function NumbersOverTime({ latest }: { latest: readonly Row[] }) {
  const [chosen, setChosen] = useState(0);
  const { points, outputs } = useMemo(() => measured(latest, chosen), [latest, chosen]);
  const judged = points.filter((point): point is Measured & { truth: number } => point.truth !== null);
  return (
    <>
      {outputs > 1 && (
        <Select
          aria-label="Output"
          w={160}
          allowDeselect={false}
          data={Array.from({ length: outputs }, (_, index) => ({ value: String(index), label: `Output ${index}` }))}
          value={String(chosen)}
          onChange={(value) => setChosen(Number(value ?? 0))}
        />
      )}
      {judged.length > 0 ? (
        <>
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            <Scatter
              label="Predicted (upwards) against true"
              points={judged.map(({ value, truth }) => ({ x: truth, y: value }))}
              guide="equal"
            />
            <Scatter
              label="Error over time"
              points={judged.map(({ time, value, truth }) => ({ x: time, y: value - truth }))}
              guide="zero"
              xText={(x) => clock(new Date(x))}
            />
          </SimpleGrid>
          <Errors errors={judged.map(({ value, truth }) => value - truth)} />
        </>
      ) : (
        <Scatter
          label="Predicted value over time"
          points={points.map(({ time, value }) => ({ x: time, y: value }))}
          xText={(x) => clock(new Date(x))}
          joined
        />
      )}
    </>
  );
}

function Errors({ errors }: { errors: readonly number[] }) {
  const mean = (values: readonly number[]) => values.reduce((all, value) => all + value, 0) / values.length;
  return (
    <Group gap="lg">
      <Text size="sm" className="numeric">
        Mean absolute error {metric(mean(errors.map(Math.abs)))}
      </Text>
      <Text size="sm" className="numeric">
        Root mean square {metric(Math.sqrt(mean(errors.map((error) => error * error))))}
      </Text>
      <Text size="sm" className="numeric">
        Mean error {metric(mean(errors))}
      </Text>
      <Text size="sm" className="quiet numeric">
        of the last {count(errors.length)} with a known truth
      </Text>
    </Group>
  );
}

function measured(latest: readonly Row[], output: number): { points: Measured[]; outputs: number } {
  const points: Measured[] = [];
  let outputs = 1;
  for (const { prediction } of latest.slice(-MOST)) {
    const reading = readingOf(prediction);
    if (reading?.kind !== "numbers") continue;
    outputs = reading.values.length;
    const value = reading.values[output];
    if (value === undefined || prediction.time === null) continue;
    points.push({ time: new Date(prediction.time).getTime(), value, truth: reading.truth?.[output] ?? null });
  }
  return { points, outputs };
}
