import { Autocomplete } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useId } from "react";
import { getJson, type Schemas } from "@/api/client";
import type { Page } from "@/api/resources";
import { count, plural } from "@/components/formats";
import { topicError } from "./settings";

interface TopicFieldProps {
  label: string;
  description: string;
  /** Partitions that the topic gets if it is made. */
  partitions: number;
  value?: string;
  onChange?: (value: string) => void;
  error?: ReactNode;
}

/** Names a topic; says whether it is there or will be made. */
export function TopicField({ label, description, partitions, value = "", onChange, error }: TopicFieldProps) {
  const [wanted] = useDebouncedValue(value.trim(), 250);
  const said = useId();
  const found = useQuery({
    queryKey: ["topics", "list", { name: wanted, limit: 20 }],
    queryFn: ({ signal }) => getJson<Page<Schemas["TopicView"]>>("/api/v1/topics", { name: wanted, limit: 20 }, signal),
    placeholderData: keepPreviousData,
  });
  const topics = found.data?.items ?? [];
  return (
    <Autocomplete
      label={label}
      description={description}
      data={topics.map(({ name }) => name)}
      value={value}
      {...(onChange === undefined ? {} : { onChange })}
      error={error}
      limit={20}
      maxDropdownHeight={260}
      spellCheck={false}
      autoCapitalize="none"
      aria-describedby={said}
      inputContainer={(input) => (
        <>
          {input}
          <div
            id={said}
            role="status"
            className="quiet"
            style={{ fontSize: "var(--mantine-font-size-xs)", marginTop: 4 }}
          >
            {words(wanted, topics, found.isFetching || wanted !== value.trim(), found.error !== null, partitions)}
          </div>
        </>
      )}
    />
  );
}

function words(
  name: string,
  topics: readonly Schemas["TopicView"][],
  looking: boolean,
  failed: boolean,
  partitions: number,
): string {
  if (topicError(name) !== null) return " ";
  const topic = topics.find((candidate) => candidate.name === name);
  if (topic !== undefined)
    return `It is there: ${plural(topic.partitions, "partition")}, ${count(topic.messages)} messages.`;
  if (looking) return "Looking whether it is there…";
  if (failed) return "Whether it is there can't be found out just now.";
  return `It is not there yet: it is made, with ${plural(partitions, "partition")}.`;
}
