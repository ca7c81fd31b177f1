import { type ComboboxItem, Group, MultiSelect, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Items, listOf } from "@/api/resources";
import { StateBadge } from "@/components/StateBadge";
import { wordsOf } from "@/components/states";
import { useModelViews } from "./useModels";

interface ModelPickerProps {
  ids: readonly number[];
  onChange: (ids: number[]) => void;
  error?: string | undefined;
}

const MOST = 100;

/** Chooses several of the models, searched by name on the server. */
export function ModelPicker({ ids, onChange, error }: ModelPickerProps) {
  const [text, setText] = useState("");
  const [name] = useDebouncedValue(text, 200);
  const query = useInfiniteQuery(listOf("models", name.trim() === "" ? {} : { name: name.trim() }));
  const found = query.data?.pages.flatMap(({ items }) => items) ?? [];
  const chosen = useModelViews(ids).models;
  const known = new Map<string, Items["models"]>([...found, ...chosen].map((model) => [String(model.id), model]));
  const nothing =
    query.error === null
      ? query.isPending
        ? "Looking…"
        : "No model has such a name"
      : `Models can't be listed. ${wordsOf(query.error).message}`;

  return (
    <MultiSelect
      label="Models"
      required
      description={`They learn from the same stream. Only valid ones can be deployed.${query.hasNextPage ? " There are more than are listed: search by name." : ""}`}
      placeholder={ids.length === 0 ? "Search models" : ""}
      data={[...known].map(([value, model]) => ({ value, label: model.name }))}
      value={ids.map(String)}
      onChange={(values) => onChange(values.map(Number))}
      maxValues={MOST}
      searchable
      searchValue={text}
      onSearchChange={setText}
      // The server has searched already; what is chosen stays known though it does not fit.
      filter={({ options }) =>
        options.filter((option) => "value" in option && found.some(({ id }) => String(id) === option.value))
      }
      hidePickedOptions
      nothingFoundMessage={nothing}
      error={error}
      renderOption={({ option }) => <Option option={option} model={known.get(option.value)} />}
      maxDropdownHeight={320}
    />
  );
}

function Option({ option, model }: { option: ComboboxItem; model: Items["models"] | undefined }) {
  return (
    <Group justify="space-between" wrap="nowrap" flex={1} gap="sm">
      <div style={{ minWidth: 0 }}>
        <Text size="sm" truncate>
          {option.label}
        </Text>
        {model !== undefined && model.description !== "" && (
          <Text size="xs" className="quiet" truncate>
            {model.description}
          </Text>
        )}
      </div>
      {model !== undefined && <StateBadge state={model.state} size="sm" />}
    </Group>
  );
}
