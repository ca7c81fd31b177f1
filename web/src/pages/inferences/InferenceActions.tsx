import { ActionIcon, Button, Group, Menu, NumberInput, Tooltip } from "@mantine/core";
import { useDebouncedCallback, useDisclosure } from "@mantine/hooks";
import {
  IconDots,
  IconExchange,
  IconMinus,
  IconPlayerPause,
  IconPlayerPlay,
  IconPlayerStop,
  IconPlus,
  IconTrash,
} from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { api, unwrap } from "@/api/client";
import type { Items } from "@/api/resources";
import { useAction } from "@/components/actions";
import { isGoing, useDeleteInferences, useStopInferences } from "./actions";
import classes from "./inferences.module.css";
import { SwapModel } from "./SwapModel";

type Inference = Items["inferences"];

const MOST = 1000;

/** How many replicas an inference had before it was paused, so that it goes on with as many. */
const before = new Map<number, number>();

function useScale({ id }: Pick<Inference, "id">) {
  return useAction(
    (replicas: number) =>
      unwrap(api.POST("/api/v1/inferences/{id}/scale", { params: { path: { id } }, body: { replicas } })),
    { failure: "The number of replicas could not be changed" },
  );
}

export function InferenceActions({ inference }: { inference: Inference }) {
  const navigate = useNavigate();
  const stop = useStopInferences();
  const remove = useDeleteInferences();
  const scale = useScale(inference);
  const [swapping, { open, close }] = useDisclosure(false);
  if (!isGoing(inference)) {
    return (
      <Button
        variant="default"
        color="red"
        leftSection={<IconTrash size={16} />}
        onClick={async () => {
          if (await remove([inference])) void navigate({ to: "/inferences" });
        }}
      >
        Delete
      </Button>
    );
  }
  const isPaused = inference.replicas === 0;
  const toggle = () => {
    if (!isPaused) before.set(inference.id, inference.replicas);
    scale.mutate(isPaused ? (before.get(inference.id) ?? 1) : 0);
  };
  return (
    <>
      {!isPaused && <Replicas inference={inference} />}
      <Button
        variant="default"
        loading={scale.isPending}
        leftSection={isPaused ? <IconPlayerPlay size={16} /> : <IconPlayerPause size={16} />}
        onClick={toggle}
      >
        {isPaused ? "Go on" : "Pause"}
      </Button>
      <Button variant="default" leftSection={<IconExchange size={16} />} onClick={open}>
        Change the model
      </Button>
      <Menu position="bottom-end">
        <Menu.Target>
          <Tooltip label="More">
            <ActionIcon variant="default" size={36} aria-label="More that can be done">
              <IconDots size={16} />
            </ActionIcon>
          </Tooltip>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconPlayerStop size={16} />} onClick={() => void stop([inference])}>
            Stop for good
          </Menu.Item>
          <Menu.Item leftSection={<IconTrash size={16} />} disabled>
            Delete (stop it first)
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <SwapModel inference={inference} opened={swapping} onClose={close} />
    </>
  );
}

/** Changes how many replicas there are, a moment after the last press. */
function Replicas({ inference }: { inference: Inference }) {
  const scale = useScale(inference);
  const [wanted, setWanted] = useState<number | string>(inference.replicas);
  const send = useDebouncedCallback((replicas: number) => scale.mutate(replicas), 600);
  // Others may have changed it, or the change was refused.
  useEffect(() => {
    if (!scale.isPending) setWanted(inference.replicas);
  }, [inference.replicas, scale.isPending]);
  const take = (value: number | string) => {
    setWanted(value);
    if (typeof value === "number" && value >= 1 && value <= MOST) send(value);
  };
  const step = (by: number) => take(Math.min(MOST, Math.max(1, (Number(wanted) || 1) + by)));
  return (
    <Tooltip
      label={`${inference.replicas_running} of ${inference.replicas} run${inference.settings.autoscaling ? "; it also scales by itself" : ""}`}
    >
      <Group gap={0} wrap="nowrap" className={classes.stepper ?? ""} role="group" aria-label="Replicas">
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label="One replica less"
          disabled={Number(wanted) <= 1}
          onClick={() => step(-1)}
        >
          <IconMinus size={14} />
        </ActionIcon>
        <NumberInput
          aria-label="Replicas"
          variant="unstyled"
          size="xs"
          hideControls
          allowDecimal={false}
          allowNegative={false}
          min={1}
          max={MOST}
          value={wanted}
          onChange={take}
          onBlur={() => setWanted((value) => (value === "" ? inference.replicas : value))}
          suffix={Number(wanted) === 1 ? " replica" : " replicas"}
          classNames={{ input: classes.stepped ?? "" }}
        />
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label="One replica more"
          disabled={Number(wanted) >= MOST}
          onClick={() => step(1)}
        >
          <IconPlus size={14} />
        </ActionIcon>
      </Group>
    </Tooltip>
  );
}
