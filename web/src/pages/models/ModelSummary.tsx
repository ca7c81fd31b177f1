import { Stack } from "@mantine/core";
import { IconStack2 } from "@tabler/icons-react";
import type { Views } from "@/api/resources";
import { FailureNotice } from "@/components/FailureNotice";
import { count, NONE, shape } from "@/components/formats";
import { Section } from "@/components/Section";
import { EmptyState, Loading } from "@/components/states";
import { LayerTable } from "./LayerTable";
import classes from "./models.module.css";
import { Figure } from "./OutcomePanel";

/** What the saved version of a model looks like, layer by layer. */
export function ModelSummary({ model }: { model: Views["models"] }) {
  const { summary, failure, state } = model;
  if (summary === null) {
    return (
      <Stack>
        {failure !== null && <FailureNotice failure={failure} waiting={state === "validating"} />}
        {state === "validating" ? (
          <Loading rows={4} />
        ) : (
          <EmptyState
            icon={IconStack2}
            title="No layers to show"
            text="A model's layers are known once its code is valid."
          />
        )}
      </Stack>
    );
  }
  return (
    <Stack>
      <Section title={`Version ${model.version}`}>
        <div className={classes.figures}>
          <Figure label="Input shape" value={shape(summary.input_shape)} />
          <Figure label="Output shape" value={shape(summary.output_shape)} />
          <Figure label="Parameters" value={count(summary.parameters)} />
          <Figure label="Trainable" value={count(summary.trainable_parameters)} />
          <Figure label="Loss" value={summary.loss ?? NONE} />
          <Figure label="Optimizer" value={summary.optimizer ?? NONE} />
        </div>
      </Section>
      <Section title="Layers">
        <LayerTable summary={summary} detailed />
      </Section>
    </Stack>
  );
}
