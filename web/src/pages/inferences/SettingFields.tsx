import { Select, SimpleGrid, Stack, Switch } from "@mantine/core";
import type { UseFormReturnType } from "@mantine/form";
import { WholeNumberInput } from "@/components/WholeNumberInput";
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
      <WholeNumberInput
        label="Largest batch"
        description="Messages that are predicted together"
        max={65_536}
        {...form.getInputProps("maxBatch")}
      />
      <WholeNumberInput
        label="Wait for more (ms)"
        description="Before a batch that is not full is predicted"
        min={0}
        max={10_000}
        {...form.getInputProps("maxWait")}
      />
      <WholeNumberInput
        label="Memory (MiB)"
        description="Of the model's process; TensorFlow alone takes some 600"
        min={1024}
        {...form.getInputProps("memory")}
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
          <WholeNumberInput
            label="At least"
            description="0: none while nothing waits"
            min={0}
            {...form.getInputProps("minReplicas")}
          />
          <WholeNumberInput
            label="At most"
            description="Also not more than partitions"
            {...form.getInputProps("maxReplicas")}
          />
          <WholeNumberInput
            label="Messages a replica"
            description="That wait before one is added"
            {...form.getInputProps("lagPerReplica")}
          />
        </SimpleGrid>
      )}
    </Stack>
  );
}
