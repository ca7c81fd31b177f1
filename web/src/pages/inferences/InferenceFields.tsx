import {
  Accordion,
  Alert,
  JsonInput,
  NumberInput,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Text,
  Textarea,
  TextInput,
} from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import type { Items } from "@/api/resources";
import { shape } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { FormatFacts } from "./FormatFacts";
import { ResultPicker } from "./ResultPicker";
import { type InferenceValues, partitionsFor } from "./settings";
import { TopicField } from "./TopicField";

type Form = UseFormReturnType<InferenceValues>;

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
        <Whole
          form={form}
          name="replicas"
          label="Replicas"
          description="They share the input's partitions; 0 begins paused"
          min={0}
          max={1000}
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
            <PlacementFields form={form} />
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

function ReadingFields({ form }: { form: Form }) {
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      <Select
        label="Begin at"
        description="Where in the input it starts reading"
        data={[
          { value: "earliest", label: "The earliest message that is retained" },
          { value: "latest", label: "What comes from now on" },
        ]}
        allowDeselect={false}
        {...form.getInputProps("startFrom")}
      />
      <Select
        label="Delivery"
        description="Exactly once: readers use read_committed"
        data={[
          { value: "exactly_once", label: "Exactly once" },
          { value: "at_least_once", label: "At least once" },
        ]}
        allowDeselect={false}
        {...form.getInputProps("delivery")}
      />
      <Whole
        form={form}
        name="maxBatch"
        label="Largest batch"
        description="Messages that are predicted together"
        max={65_536}
      />
      <Whole
        form={form}
        name="maxWait"
        label="Wait for more (ms)"
        description="Before a batch that is not full is predicted"
        min={0}
        max={10_000}
      />
      <Whole
        form={form}
        name="memory"
        label="Memory (MiB)"
        description="Of the model's process; TensorFlow alone takes some 600"
        min={1024}
      />
    </SimpleGrid>
  );
}

function ScalingFields({ form }: { form: Form }) {
  return (
    <Stack>
      <Switch
        label="Have the number of replicas follow the messages that wait"
        description="Needs Kubernetes with KEDA"
        {...form.getInputProps("scales", { type: "checkbox" })}
      />
      {form.values.scales && (
        <SimpleGrid cols={{ base: 1, sm: 3 }}>
          <Whole form={form} name="minReplicas" label="At least" description="0: none while nothing waits" min={0} />
          <Whole form={form} name="maxReplicas" label="At most" description="Also not more than partitions" />
          <Whole
            form={form}
            name="lagPerReplica"
            label="Messages a replica"
            description="That wait before one is added"
          />
        </SimpleGrid>
      )}
    </Stack>
  );
}

function PlacementFields({ form }: { form: Form }) {
  return (
    <Stack>
      <Text size="sm" className="quiet">
        Where each replica runs. Without meaning where replicas are processes on one machine.
      </Text>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <NumberInput
          label="Processors"
          description="Empty: what the cluster gives"
          min={0.001}
          step={1}
          clampBehavior="none"
          {...form.getInputProps("cpus")}
        />
        <Whole form={form} name="gpus" label="Graphics processors" description="For the model" min={0} />
        <TextInput
          label="Framework"
          description="Chooses the image that the model's code runs in"
          {...form.getInputProps("framework")}
        />
        <TextInput
          label="Service account"
          description="One of those that the installation allows"
          {...form.getInputProps("serviceAccount")}
        />
        <Textarea
          label="Node labels"
          description="One a line, such as kubernetes.io/arch=amd64"
          autosize
          minRows={2}
          {...form.getInputProps("nodeSelector")}
        />
        <Textarea
          label="Tolerations"
          description="Taints, one a line, such as gpu=yes:NoSchedule"
          autosize
          minRows={2}
          {...form.getInputProps("tolerations")}
        />
      </SimpleGrid>
    </Stack>
  );
}

interface WholeProps {
  form: Form;
  name: keyof InferenceValues;
  label: string;
  description: string;
  min?: number;
  max?: number;
}

/** A whole number; the server says what is wrong with it. */
function Whole({ form, name, label, description, min = 1, max }: WholeProps) {
  return (
    <NumberInput
      label={label}
      description={description}
      min={min}
      {...(max === undefined ? {} : { max })}
      clampBehavior="none"
      allowDecimal={false}
      thousandSeparator=","
      {...form.getInputProps(name)}
    />
  );
}
