import { Alert, Anchor, Button, Code, Group, Spoiler, Stack, Text } from "@mantine/core";
import { IconAlertCircle, IconHourglass } from "@tabler/icons-react";
import { memo } from "react";
import type { Schemas } from "@/api/client";
import { Facts } from "@/components/Facts";
import { compact, count, shape } from "@/components/formats";
import { StateBadge } from "@/components/StateBadge";
import type { Outcome } from "./draft";
import { LayerTable } from "./LayerTable";
import classes from "./models.module.css";

interface OutcomePanelProps {
  /** Null before the first. */
  outcome: Outcome | null;
  /** Whether it is of the code that is there now. */
  isCurrent: boolean;
  /** Said when there is no outcome to show. */
  hint: string;
  /** Whether it has been waited for longer than usual. */
  isLong: boolean;
  onLine: (line: number) => void;
}

/** What the validation says of code: its layers, or why it can't be built. Not drawn again with each key that is pressed. */
export const OutcomePanel = memo(function OutcomePanel(props: OutcomePanelProps) {
  const { outcome, isCurrent, hint, isLong, onLine } = props;
  const state = isCurrent && outcome !== null ? outcome.state : "validating";
  const isWaiting = outcome?.state === "validating" && outcome.failure !== null;
  return (
    <section className={classes.panel} aria-label="Validation">
      <Group justify="space-between" gap="xs" role="status">
        <Text size="sm" fw={650}>
          Validation
        </Text>
        {outcome === null && hint !== "" && isCurrent ? null : <StateBadge state={state} />}
      </Group>
      {isLong && !isWaiting && (
        <Text size="sm" className="quiet" role="status">
          It takes longer than usual. Others may be validating, too; it goes on by itself.
        </Text>
      )}
      {isWaiting && outcome.failure !== null && (
        <Alert color="yellow" variant="light" icon={<IconHourglass size={18} />}>
          <Text size="sm">It waits. {outcome.failure.message}</Text>
        </Alert>
      )}
      <div className={classes.outcome} data-old={!isCurrent || undefined}>
        {outcome === null && (
          <Text size="sm" className="quiet">
            {hint}
          </Text>
        )}
        {outcome?.state === "invalid" && outcome.failure !== null && (
          <Failed failure={outcome.failure} onLine={onLine} />
        )}
        {outcome?.summary !== undefined && outcome.summary !== null && <Summary summary={outcome.summary} />}
      </div>
    </section>
  );
});

function Summary({ summary }: { summary: Schemas["ModelSummary"] }) {
  return (
    <Stack gap="sm">
      <div className={classes.shapes}>
        <Figure label="Input" value={shape(summary.input_shape)} />
        <span aria-hidden>→</span>
        <Figure label="Output" value={shape(summary.output_shape)} />
        <Figure label="Parameters" value={compact(summary.parameters)} />
      </div>
      <Facts
        facts={[
          ["Loss", summary.loss ?? undefined],
          ["Optimizer", summary.optimizer ?? undefined],
          [
            "Trainable",
            summary.trainable_parameters === summary.parameters
              ? undefined
              : `${count(summary.trainable_parameters)} of ${count(summary.parameters)}`,
          ],
        ]}
      />
      <LayerTable summary={summary} />
    </Stack>
  );
}

export function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <Text size="xs" className="quiet">
        {label}
      </Text>
      <Text fw={650} className="numeric">
        {value}
      </Text>
    </div>
  );
}

function Failed({ failure, onLine }: { failure: Schemas["Failure"]; onLine: (line: number) => void }) {
  const { line } = failure;
  return (
    <Stack gap="sm">
      <Alert color="red" variant="light" title="The model can't be built" icon={<IconAlertCircle size={18} />}>
        <Stack gap="xs" align="flex-start">
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            {failure.message}
          </Text>
          {line !== null && line !== undefined && (
            <Button size="compact-sm" variant="default" onClick={() => onLine(line)}>
              Go to line {line}
            </Button>
          )}
        </Stack>
      </Alert>
      <Traceback text={failure.traceback ?? ""} onLine={onLine} />
      <Printed text={failure.log ?? ""} />
      <Text size="xs" className="quiet">
        Reason: <Code>{failure.code}</Code>
      </Text>
    </Stack>
  );
}

/** Where it happened; lines of the model's code lead to them. */
function Traceback({ text, onLine }: { text: string; onLine: (line: number) => void }) {
  if (text.trim() === "") return null;
  const pieces = text.split(/(?<="<model code>", )(line \d+)/);
  return (
    <div>
      <Text size="xs" fw={600} mb={4}>
        Traceback
      </Text>
      <Spoiler maxHeight={240} showLabel="Show all" hideLabel="Show less">
        <Code block fz="xs" tabIndex={0}>
          {pieces.map((piece, index) => {
            const line = /^line (\d+)$/.exec(piece)?.[1];
            if (line === undefined) return piece;
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: pieces of one text stay in their order
              <Anchor key={index} component="button" type="button" fz="inherit" onClick={() => onLine(Number(line))}>
                {piece}
              </Anchor>
            );
          })}
        </Code>
      </Spoiler>
    </div>
  );
}

/** The libraries print much that does not matter: it is there for who looks for it. */
function Printed({ text }: { text: string }) {
  if (text.trim() === "") return null;
  return (
    <Spoiler maxHeight={0} showLabel="Show the last lines that it printed" hideLabel="Hide what it printed">
      <Code block fz="xs" tabIndex={0}>
        {text}
      </Code>
    </Spoiler>
  );
}
