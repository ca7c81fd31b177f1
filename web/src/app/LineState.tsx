import { Group, Text, Tooltip } from "@mantine/core";
import { useLine } from "@/api/useLive";
import classes from "./LineState.module.css";

const SAID = {
  connecting: { label: "Connecting", text: "Opening the line on which changes arrive." },
  live: { label: "Live", text: "Changes show by themselves." },
  lost: { label: "Connection lost", text: "What is shown may be old. It is tried again until the server answers." },
} as const;

/** Whether what is shown is up to date by itself. */
export function LineState() {
  const line = useLine();
  const { label, text } = SAID[line];
  return (
    <Tooltip label={text}>
      <Group gap={8} wrap="nowrap" role="status" data-line={line}>
        <span className={classes.dot} data-line={line} />
        <Text size="sm" className="quiet">
          {label}
        </Text>
      </Group>
    </Tooltip>
  );
}
