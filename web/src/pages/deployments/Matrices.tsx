import { Group, Text } from "@mantine/core";
import { Section } from "@/components/Section";
import { hasEnded } from "@/pages/results/actions";
import { ResultMatrix } from "@/pages/results/ResultMatrix";
import classes from "@/pages/results/training.module.css";
import type { TrainingRun } from "./Training";

interface MatricesProps {
  runs: readonly TrainingRun[];
  lit: string | null;
  onLight: (group: string | null) => void;
}

const MOST = 12;

/** The confusion matrices of all models beside each other. */
export function Matrices({ runs, lit, onLight }: MatricesProps) {
  const ended = runs.filter(({ result }) => hasEnded(result) && result.state !== "failed");
  if (ended.length === 0) return null;
  return (
    <Section title="Confusion matrices">
      <div className={classes.charts}>
        {ended.slice(0, MOST).map(({ id, label, colour }) => (
          <div
            key={id}
            className={classes.card}
            data-lit={lit === String(id) || undefined}
            onPointerEnter={() => onLight(String(id))}
            onPointerLeave={() => onLight(null)}
          >
            <Group gap={8} mb="xs">
              <span className={classes.dot} style={{ background: colour }} />
              <Text size="sm" fw={600}>
                {label}
              </Text>
            </Group>
            <ResultMatrix id={id} label={label} hasEnded brief />
          </div>
        ))}
      </div>
      {ended.length > MOST && (
        <Text size="xs" className="quiet">
          The first {MOST} of {ended.length}. Hide models in the table to see others.
        </Text>
      )}
    </Section>
  );
}
