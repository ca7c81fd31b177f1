import { NumberInput, SimpleGrid, Stack, Text, Textarea, TextInput } from "@mantine/core";
import type { GetInputPropsReturnType } from "@mantine/form";
import { WholeNumberInput } from "./WholeNumberInput";

type Name = "cpus" | "gpus" | "framework" | "serviceAccount" | "nodeSelector" | "tolerations";

interface PlacementFieldsProps {
  /** What runs there: "training". */
  noun: string;
  /** The form's `getInputProps`. */
  inputs: (name: Name) => GetInputPropsReturnType;
}

/** Where something runs on Kubernetes. */
export function PlacementFields({ noun, inputs }: PlacementFieldsProps) {
  return (
    <Stack>
      <Text size="sm" className="quiet">
        Where each {noun} runs. Without meaning where {noun}s are processes on one machine.
      </Text>
      <SimpleGrid cols={{ base: 1, sm: 2 }}>
        <NumberInput
          label="Processors"
          description="Empty: what the cluster gives"
          min={0.001}
          step={1}
          clampBehavior="none"
          {...inputs("cpus")}
        />
        <WholeNumberInput label="Graphics processors" description="For the model" min={0} {...inputs("gpus")} />
        <TextInput
          label="Framework"
          description="Chooses the image that the model's code runs in"
          {...inputs("framework")}
        />
        <TextInput
          label="Service account"
          description="One of those that the installation allows"
          {...inputs("serviceAccount")}
        />
        <Textarea
          label="Node labels"
          description="One a line, such as kubernetes.io/arch=amd64"
          autosize
          minRows={2}
          {...inputs("nodeSelector")}
        />
        <Textarea
          label="Tolerations"
          description="Taints, one a line, such as gpu=yes:NoSchedule"
          autosize
          minRows={2}
          {...inputs("tolerations")}
        />
      </SimpleGrid>
    </Stack>
  );
}
