import { Accordion, Alert, JsonInput, Select, SimpleGrid, Stack, Switch, Text, TextInput } from "@mantine/core";
import type { Items } from "@/api/resources";
import { shape } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { PlacementFields } from "@/components/PlacementFields";
import { WholeNumberInput } from "@/components/WholeNumberInput";
import { FormatFacts } from "./FormatFacts";
import { ResultPicker } from "./ResultPicker";
import { type Form, ReadingFields, ScalingFields } from "./SettingFields";
import { partitionsFor } from "./settings";
import { TopicField } from "./TopicField";

interface InferenceFieldsProps {
  form: Form;
  result: Items["results"] | undefined;
  /** What the model was trained on; null if that is not known. */
  stream: Items["datasources"] | null | undefined;
  open: string[];
  onOpen: (open: string[]) => void;
}

export function InferenceFields({ form, result, stream, open, onOpen }: InferenceFieldsProps) {
  const partitions = partitionsFor(form.values);
  return (
    <Stack gap="lg">
      <ResultPicker {...form.getInputProps("result")} />
      {result !== undefined && (
        <Text size="sm" className="quiet" mt={-12}>
          <LinkAnchor to="/results/$id" params={{ id: result.id }}>
            Result {result.id}
          </LinkAnchor>{" "}
          takes samples of shape {shape(result.input_shape)}.
        </Text>
      )}
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <TopicField
          label="Input topic"
          description="Samples are read from it"
          partitions={partitions}
          {...form.getInputProps("inputTopic")}
        />
        <TopicField
          label="Output topic"
          description="Predictions are written to it"
          partitions={partitions}
          {...form.getInputProps("outputTopic")}
        />
        <WholeNumberInput
          label="Replicas"
          description="They share the input's partitions; 0 begins paused"
          min={0}
          max={1000}
          {...form.getInputProps("replicas")}
        />
        <TextInput label="Description" description="For people; may be empty" {...form.getInputProps("description")} />
      </SimpleGrid>
      <Accordion variant="separated" chevronPosition="left" multiple value={open} onChange={onOpen}>
        <Accordion.Item value="format">
          <Accordion.Control>
            Format{" "}
            <Text span size="sm" className="quiet">
              {form.values.ownFormat
                ? "of its own"
                : stream
                  ? `as in training: ${stream.input_format}`
                  : "as in training"}
            </Text>
          </Accordion.Control>
          <Accordion.Panel>
            <FormatFields form={form} stream={stream} />
          </Accordion.Panel>
        </Accordion.Item>
        <Accordion.Item value="reading">
          <Accordion.Control>Reading, batches and memory</Accordion.Control>
          <Accordion.Panel>
            <ReadingFields form={form} />
          </Accordion.Panel>
        </Accordion.Item>
        <Accordion.Item value="scaling">
          <Accordion.Control>Scaling by itself</Accordion.Control>
          <Accordion.Panel>
            <ScalingFields form={form} />
          </Accordion.Panel>
        </Accordion.Item>
        <Accordion.Item value="placement">
          <Accordion.Control>Placement on Kubernetes</Accordion.Control>
          <Accordion.Panel>
            <PlacementFields noun="replica" inputs={form.getInputProps} />
          </Accordion.Panel>
        </Accordion.Item>
      </Accordion>
    </Stack>
  );
}

function FormatFields({ form, stream }: { form: Form; stream: Items["datasources"] | null | undefined }) {
  const { ownFormat } = form.values;
  return (
    <Stack>
      {stream === null && (
        <Alert color="yellow" variant="light">
          What the model was trained on is not known any more, so say how its samples are encoded.
        </Alert>
      )}
      <Switch
        label="Another format than in training"
        description="The samples must still have the shape that the model takes"
        {...form.getInputProps("ownFormat", { type: "checkbox" })}
      />
      {ownFormat ? (
        <>
          <Select
            label="Format"
            data={["RAW", "JSON", "AVRO", "TELEGRAF_STR_JSON"]}
            allowDeselect={false}
            maw={280}
            {...form.getInputProps("format")}
          />
          <JsonInput
            label="Configuration"
            description="How samples are encoded, as a JSON object"
            autosize
            minRows={4}
            maxRows={16}
            formatOnBlur
            styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)" } }}
            {...form.getInputProps("config")}
          />
        </>
      ) : (
        stream && <FormatFacts format={stream.input_format} config={stream.stream.input_config ?? {}} />
      )}
    </Stack>
  );
}
