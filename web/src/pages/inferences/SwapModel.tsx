import { Button, Group, List, Modal, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, ProblemError, unwrap } from "@/api/client";
import { type Items, itemOf } from "@/api/resources";
import { useAction } from "@/components/actions";
import { shape } from "@/components/formats";
import { ResultPicker } from "./ResultPicker";

interface SwapModelProps {
  inference: Items["inferences"];
  opened: boolean;
  onClose: () => void;
}

/** Gives an inference another trained model, after saying what happens then. */
export function SwapModel(props: SwapModelProps) {
  return (
    <Modal opened={props.opened} onClose={props.onClose} title="Change the model" size="lg">
      <Body {...props} />
    </Modal>
  );
}

function Body({ inference, onClose }: SwapModelProps) {
  const { id, result_id } = inference;
  const [chosen, setChosen] = useState<string | null>(null);
  const present = useQuery(itemOf("results", result_id));
  const swap = useAction(
    (result: number) =>
      unwrap(api.POST("/api/v1/inferences/{id}/model", { params: { path: { id } }, body: { result_id: result } })),
    {
      failure: "The model could not be changed",
      done: () => "The replicas change to the other model.",
      onDone: onClose,
    },
  );
  const { error } = swap;
  const refusal =
    error instanceof ProblemError ? [error.message, error.advice].filter(Boolean).join(" ") : error?.message;
  const wanted = present.data?.input_shape ?? null;
  return (
    <Stack>
      <ResultPicker
        label="Other model"
        description={
          wanted === null ? "It must take the same samples" : `Of those that take samples of shape ${shape(wanted)}`
        }
        value={chosen}
        onChange={(value) => {
          swap.reset();
          setChosen(value);
        }}
        fits={(result) => result.id !== result_id && (wanted === null || shape(result.input_shape) === shape(wanted))}
        error={refusal}
      />
      <List size="sm" spacing={4} className="quiet">
        <List.Item>
          The replicas load the other model and go on where the present one stops: nothing is left out.
        </List.Item>
        <List.Item>What waits at that moment is predicted by the other model.</List.Item>
        <List.Item>Each prediction carries the number of the result that made it; topics and settings stay.</List.Item>
      </List>
      <Text size="sm">It must take input and give output of the same shapes as the present one.</Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button disabled={chosen === null} loading={swap.isPending} onClick={() => swap.mutate(Number(chosen))}>
          Change the model
        </Button>
      </Group>
    </Stack>
  );
}
