import {
  Accordion,
  Alert,
  Input,
  SegmentedControl,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Textarea,
  TextInput,
} from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { useState } from "react";
import { PlacementFields } from "@/components/PlacementFields";
import { WholeNumberInput } from "@/components/WholeNumberInput";
import { ConfigurationPicker } from "./ConfigurationPicker";
import { bodyOf, type DeployValues, fitText } from "./settings";

const PANELS: Readonly<Record<string, readonly (keyof DeployValues)[]>> = {
  training: ["validationFreq", "validationSteps", "evaluateSteps", "classWeight", "shuffle", "confusionMatrix"],
  limits: ["memory", "timeout", "onBadMessage"],
  placement: ["cpus", "gpus", "framework", "serviceAccount", "nodeSelector", "tolerations"],
};

export type DeployForm = UseFormReturnType<DeployValues>;

export function DeployFields({ form, datasource }: { form: DeployForm; datasource: string | undefined }) {
  const { asText } = form.values;
  const [opened, setOpened] = useState<string[]>([]);
  // What is wrong shows, wherever it is.
  const faulty = Object.entries(PANELS).flatMap(([panel, fields]) =>
    fields.some((field) => form.errors[field] !== undefined) && !opened.includes(panel) ? [panel] : [],
  );
  return (
    <Stack gap="lg">
      {datasource !== undefined && (
        <Alert color="blue" variant="light">
          It is trained on data source {datasource} at once, as that is still in the log.
        </Alert>
      )}
      <ConfigurationPicker {...form.getInputProps("configuration")} />
      <Textarea label="Description" autosize minRows={1} maxRows={6} {...form.getInputProps("description")} />
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <WholeNumberInput
          label="Batch size"
          description="Samples a gradient step"
          max={1_000_000}
          required
          {...form.getInputProps("batchSize")}
        />
        <Input.Wrapper
          label="Arguments of fit and evaluate"
          description="As fields, or as they stand in a Keras program"
        >
          <SegmentedControl
            fullWidth
            mt={5}
            aria-label="Arguments of fit and evaluate"
            data={[
              { value: "fields", label: "Fields" },
              { value: "text", label: "Keyword text" },
            ]}
            value={asText ? "text" : "fields"}
            onChange={(chosen) => {
              if (chosen === "text") form.setFieldValue("fitText", textOf(form.values));
              form.setFieldValue("asText", chosen === "text");
            }}
          />
        </Input.Wrapper>
      </SimpleGrid>
      {asText ? (
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <TextInput
            label="fit"
            description="For example: epochs=5, steps_per_epoch=100"
            {...form.getInputProps("fitText")}
          />
          <TextInput label="evaluate" description="For example: steps=100" {...form.getInputProps("evaluateText")} />
        </SimpleGrid>
      ) : (
        <SimpleGrid cols={{ base: 1, sm: 2 }}>
          <WholeNumberInput
            label="Epochs"
            description="Passes over the training part"
            max={100_000}
            required
            {...form.getInputProps("epochs")}
          />
          <WholeNumberInput
            label="Steps per epoch"
            description="Batches that make an epoch; empty: one pass"
            {...form.getInputProps("stepsPerEpoch")}
          />
        </SimpleGrid>
      )}
      <Accordion
        variant="separated"
        chevronPosition="left"
        multiple
        value={[...opened, ...faulty]}
        onChange={setOpened}
      >
        <Accordion.Item value="training">
          <Accordion.Control>Validation, classes and testing</Accordion.Control>
          <Accordion.Panel>
            <Stack>
              {!asText && <FitFields form={form} />}
              <Switch
                label="Confusion matrix"
                description="Classifiers count on the test part what they take for what"
                {...form.getInputProps("confusionMatrix", { type: "checkbox" })}
              />
            </Stack>
          </Accordion.Panel>
        </Accordion.Item>
        <Accordion.Item value="limits">
          <Accordion.Control>Limits and bad messages</Accordion.Control>
          <Accordion.Panel>
            <SimpleGrid cols={{ base: 1, sm: 2 }}>
              <WholeNumberInput
                label="Memory (MiB)"
                description="Of a model's process; TensorFlow alone takes some 600"
                min={1024}
                required
                {...form.getInputProps("memory")}
              />
              <WholeNumberInput
                label="Time limit (seconds)"
                description="For the whole training; a day is 86,400"
                required
                {...form.getInputProps("timeout")}
              />
              <Select
                label="Messages that can't be decoded"
                data={[
                  { value: "refuse", label: "End the training" },
                  { value: "skip", label: "Are counted and left out" },
                ]}
                allowDeselect={false}
                {...form.getInputProps("onBadMessage")}
              />
            </SimpleGrid>
          </Accordion.Panel>
        </Accordion.Item>
        <Accordion.Item value="placement">
          <Accordion.Control>Placement on Kubernetes</Accordion.Control>
          <Accordion.Panel>
            <PlacementFields noun="training" inputs={form.getInputProps} />
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Stack>
  );
}

function FitFields({ form }: { form: DeployForm }) {
  return (
    <>
      <SimpleGrid cols={{ base: 1, sm: 3 }}>
        <WholeNumberInput
          label="Validate every"
          description="Epochs between two validations"
          required
          {...form.getInputProps("validationFreq")}
        />
        <WholeNumberInput
          label="Validation steps"
          description="Batches; empty: all"
          {...form.getInputProps("validationSteps")}
        />
        <WholeNumberInput
          label="Test steps"
          description="Batches; empty: all"
          {...form.getInputProps("evaluateSteps")}
        />
      </SimpleGrid>
      <Textarea
        label="Class weights"
        description="One a line, such as 0: 1.5"
        autosize
        minRows={2}
        {...form.getInputProps("classWeight")}
      />
      <Switch
        label="Shuffle"
        description="Samples are shuffled before each epoch"
        {...form.getInputProps("shuffle", { type: "checkbox" })}
      />
    </>
  );
}

function textOf(values: DeployValues): string {
  const { fit } = bodyOf({ ...values, asText: false });
  return fit === undefined ? "" : fitText(fit);
}
