import { Group, Paper, SimpleGrid, Text } from "@mantine/core";
import { LinkAnchor } from "@/components/links";
import { StateBadge } from "@/components/StateBadge";
import { secondsLeft } from "@/pages/results/curves";
import { EpochProgress } from "@/pages/results/EpochProgress";
import classes from "@/pages/results/training.module.css";
import type { TrainingRun } from "./Training";

interface RunCardsProps {
  runs: readonly TrainingRun[];
  lit: string | null;
  onLight: (group: string | null) => void;
}

/** How far each model is and, where it does not go on, why. */
export function RunCards({ runs, lit, onLight }: RunCardsProps) {
  return (
    <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm">
      {runs.map(({ id, label, colour, result, curves }) => (
        <Paper
          key={id}
          className={`${classes.card} surface`}
          data-lit={lit === String(id) || undefined}
          onPointerEnter={() => onLight(String(id))}
          onPointerLeave={() => onLight(null)}
        >
          <Group justify="space-between" wrap="nowrap" mb="xs">
            <Group gap={8} wrap="nowrap" miw={0}>
              <span className={classes.dot} style={{ background: colour }} />
              <LinkAnchor to="/results/$id" params={{ id }} c="inherit" fw={600} size="sm" truncate>
                {label}
              </LinkAnchor>
            </Group>
            <StateBadge state={result.state} size="sm" />
          </Group>
          <EpochProgress
            state={result.state}
            epochs={result.epochs}
            done={Math.max(result.epochs_done, curves.epochs.at(-1) ?? 0)}
            left={secondsLeft(curves, result.epochs)}
            label={label}
          />
          {result.failure !== null && (
            <Text size="xs" mt={4} className={result.state === "failed" ? classes.reason : classes.waits}>
              {result.failure.message}
            </Text>
          )}
        </Paper>
      ))}
    </SimpleGrid>
  );
}
