import { NumberInput, SimpleGrid, Stack, Text, Textarea, TextInput } from "@mantine/core";
import { type DeployForm, Whole } from "./DeployFields";

export function PlacementFields({ form }: { form: DeployForm }) {
  return (
    <Stack>
      <Text size="sm" className="quiet">
        Where each training runs. Without meaning where trainings are processes on one machine.
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
