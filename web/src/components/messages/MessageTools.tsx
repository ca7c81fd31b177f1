import { ActionIcon, Button, Group, NumberInput, SegmentedControl, Select, TextInput, Tooltip } from "@mantine/core";
import { IconArrowBarToUp, IconPlayerPause, IconPlayerPlay, IconRefresh } from "@tabler/icons-react";
import { useState } from "react";
import type { View } from "./MessageRows";
import type { Decoding, Place } from "./read";

export interface DecodingChoice {
  label: string;
  decoding: Decoding;
}

interface MessageToolsProps {
  place: Place;
  onPlace: (place: Place) => void;
  partitions: readonly number[];
  views: readonly View[];
  view: View;
  onView: (view: View) => void;
  tail: boolean;
  onTail: (tail: boolean) => void;
  choices: readonly DecodingChoice[];
  decoding: Decoding;
  onDecoding: ((decoding: Decoding) => void) | undefined;
  onAgain: () => void;
}

const NAMES: Record<View, string> = { sample: "Sample", fields: "Fields", raw: "Raw" };
const PLAIN = "Text and JSON";

/** What is looked at: where in the topic, as what, and whether it goes on by itself. */
export function MessageTools(props: MessageToolsProps) {
  const { place, onPlace, partitions, views, view, onView, tail, onTail, choices, decoding, onDecoding } = props;
  const [offset, setOffset] = useState<number | string>(place.offset ?? "");
  const [time, setTime] = useState(place.time === undefined ? "" : localOf(place.time));
  const partition = place.partition ?? (partitions.length === 1 ? partitions[0] : undefined);
  const jump = (event: React.FormEvent) => {
    event.preventDefault();
    if (offset !== "" && partition !== undefined) onPlace({ partition, offset: Number(offset) });
    else if (time !== "") onPlace({ partition: place.partition, time: new Date(time).toISOString() });
  };
  const canJump = (offset !== "" && partition !== undefined) || (offset === "" && time !== "");
  return (
    <Group gap="sm" p="sm" align="flex-end" style={{ borderBottom: "1px solid var(--line)" }}>
      <form onSubmit={jump}>
        <Group gap="xs" align="flex-end">
          {partitions.length > 1 && (
            <Select
              label="Partition"
              size="xs"
              w={110}
              placeholder="All"
              searchable={partitions.length > 20}
              clearable
              data={partitions.map(String)}
              value={place.partition === undefined ? null : String(place.partition)}
              onChange={(value) => onPlace(value === null ? {} : { partition: Number(value) })}
            />
          )}
          <NumberInput
            label="From offset"
            size="xs"
            w={120}
            min={0}
            allowDecimal={false}
            allowNegative={false}
            hideControls
            thousandSeparator=","
            disabled={partition === undefined}
            placeholder={partition === undefined ? "Partition first" : ""}
            value={offset}
            onChange={(value) => {
              setOffset(value);
              setTime("");
            }}
          />
          <TextInput
            label="or from time"
            type="datetime-local"
            step={1}
            size="xs"
            w={196}
            value={time}
            onChange={(event) => {
              setTime(event.currentTarget.value);
              setOffset("");
            }}
          />
          <Button type="submit" size="xs" variant="default" disabled={!canJump}>
            Go
          </Button>
        </Group>
      </form>
      <Group gap="xs" ml="auto" align="flex-end">
        {choices.length > 0 && onDecoding !== undefined && (
          <Select
            label="Decode as"
            size="xs"
            w={190}
            allowDeselect={false}
            data={[PLAIN, ...choices.map(({ label }) => label)]}
            value={
              choices.find((choice) => JSON.stringify(choice.decoding) === JSON.stringify(decoding))?.label ?? PLAIN
            }
            onChange={(label) => onDecoding(choices.find((choice) => choice.label === label)?.decoding ?? {})}
          />
        )}
        {views.length > 1 && (
          <SegmentedControl
            aria-label="How messages are shown"
            size="xs"
            data={views.map((name) => ({ value: name, label: NAMES[name] }))}
            value={view}
            onChange={(value) => onView(value as View)}
          />
        )}
        <Tooltip label={tail ? "Stop reading again" : "Read the newest again once a second, until it is stopped"}>
          <Button
            size="xs"
            variant={tail ? "filled" : "default"}
            aria-pressed={tail}
            leftSection={tail ? <IconPlayerPause size={14} /> : <IconPlayerPlay size={14} />}
            onClick={() => onTail(!tail)}
          >
            {tail ? "Pause" : "Tail"}
          </Button>
        </Tooltip>
        <Tooltip label="Go to the newest">
          <ActionIcon
            variant="default"
            size={30}
            aria-label="Go to the newest"
            onClick={() => onPlace({ partition: place.partition })}
          >
            <IconArrowBarToUp size={16} />
          </ActionIcon>
        </Tooltip>
        <Tooltip label="Read again">
          <ActionIcon variant="default" size={30} aria-label="Read again" onClick={props.onAgain}>
            <IconRefresh size={16} />
          </ActionIcon>
        </Tooltip>
      </Group>
    </Group>
  );
}

/** A time as the browser's field for it has it: without a zone, in the user's. */
function localOf(time: string): string {
  const moment = new Date(time);
  if (Number.isNaN(moment.getTime())) return "";
  return new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
