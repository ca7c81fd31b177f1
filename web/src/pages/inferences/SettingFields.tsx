import { NumberInput, Select, SimpleGrid, Stack, Switch, Text, Textarea, TextInput } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import type { InferenceValues } from "./settings";

export type Form = UseFormReturnType<InferenceValues>;

export function ReadingFields({ form }: { form: Form }) {
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

export function ScalingFields({ form }: { form: Form }) {
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

export function PlacementFields({ form }: { form: Form }) {
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
export function Whole({ form, name, label, description, min = 1, max }: WholeProps) {
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
