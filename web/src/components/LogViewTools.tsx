import { ActionIcon, Group, SegmentedControl, Select, Text, TextInput, Tooltip } from "@mantine/core";
import { useClipboard } from "@mantine/hooks";
import {
  IconBraces,
  IconCheck,
  IconChevronDown,
  IconChevronUp,
  IconCopy,
  IconDownload,
  IconSearch,
  IconTextWrap,
} from "@tabler/icons-react";
import type { ReactNode } from "react";
import { count } from "./formats";
import type { LogPart } from "./LogView";
import classes from "./LogView.module.css";

export interface LogWishes {
  part: LogPart;
  replica: number;
  wrap: boolean;
  /** Whether lines are shown exactly as they were written. */
  raw: boolean;
}

interface LogToolsProps {
  wishes: LogWishes;
  onWishes: (wishes: LogWishes) => void;
  parts: readonly LogPart[];
  replicas: number;
  search: string;
  onSearch: (text: string) => void;
  found: number;
  current: number;
  onCurrent: (current: number) => void;
  text: () => string;
  name: string;
}

const NAMES: Record<LogPart, string> = { host: "Kafka-ML", model: "Model's code" };

export function LogTools(props: LogToolsProps) {
  const { wishes, onWishes, parts, replicas, search, onSearch, found, current, onCurrent, text, name } = props;
  const step = (by: number) => onCurrent((current + by + found) % found);
  return (
    <Group className={classes.bar} gap="xs">
      {parts.length > 1 && (
        <SegmentedControl
          size="xs"
          aria-label="Whose output"
          data={parts.map((part) => ({ value: part, label: NAMES[part] }))}
          value={wishes.part}
          onChange={(part) => onWishes({ ...wishes, part: part as LogPart })}
        />
      )}
      {replicas > 1 && (
        <Select
          size="xs"
          w={110}
          aria-label="Replica"
          allowDeselect={false}
          data={Array.from({ length: replicas }, (_, replica) => ({
            value: String(replica),
            label: `Replica ${replica}`,
          }))}
          value={String(wishes.replica)}
          onChange={(replica) => onWishes({ ...wishes, replica: Number(replica ?? 0) })}
        />
      )}
      <TextInput
        size="xs"
        type="search"
        w={{ base: "100%", sm: 220 }}
        aria-label="Search the log"
        placeholder="Search the log"
        leftSection={<IconSearch size={14} />}
        value={search}
        onChange={(event) => onSearch(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter" && found > 0) step(event.shiftKey ? -1 : 1);
        }}
      />
      {search !== "" && (
        <Group gap={2} wrap="nowrap">
          <Text size="xs" className="quiet numeric" role="status" miw={56}>
            {found === 0 ? "None" : `${count(current + 1)} of ${count(found)}`}
          </Text>
          <Tool label="Previous" disabled={found === 0} onClick={() => step(-1)}>
            <IconChevronUp size={14} />
          </Tool>
          <Tool label="Next" disabled={found === 0} onClick={() => step(1)}>
            <IconChevronDown size={14} />
          </Tool>
        </Group>
      )}
      <Group gap={4} ml="auto" wrap="nowrap">
        <Tool label="Wrap long lines" pressed={wishes.wrap} onClick={() => onWishes({ ...wishes, wrap: !wishes.wrap })}>
          <IconTextWrap size={16} />
        </Tool>
        <Tool label="As it was written" pressed={wishes.raw} onClick={() => onWishes({ ...wishes, raw: !wishes.raw })}>
          <IconBraces size={16} />
        </Tool>
        <Tool label="Download the log" onClick={() => save(name, text())}>
          <IconDownload size={16} />
        </Tool>
        <CopyLog text={text} />
      </Group>
    </Group>
  );
}

interface ToolProps {
  label: string;
  pressed?: boolean;
  disabled?: boolean;
  onClick: () => void;
  children: ReactNode;
}

function Tool({ label, pressed, disabled = false, onClick, children }: ToolProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant={pressed ? "light" : "default"}
        aria-label={label}
        {...(pressed === undefined ? {} : { "aria-pressed": pressed })}
        disabled={disabled}
        onClick={onClick}
      >
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

/** Its text is put together only when it is wanted. */
function CopyLog({ text }: { text: () => string }) {
  const { copied, copy } = useClipboard({ timeout: 1500 });
  return (
    <Tool label={copied ? "Copied" : "Copy the log"} onClick={() => copy(text())}>
      {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
    </Tool>
  );
}

function save(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
