import { Anchor, Group, Select, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { itemOf, listOf } from "@/api/resources";
import { StateBadge } from "@/components/StateBadge";

interface ConfigurationPickerProps {
  value?: string | null;
  onChange?: (value: string | null) => void;
  error?: ReactNode;
}

/** Chooses a configuration by its name, and shows whether its models can be trained. */
export function ConfigurationPicker({ value = null, onChange, error }: ConfigurationPickerProps) {
  const [search, setSearch] = useState("");
  const [wanted] = useDebouncedValue(search, 200);
  const chosen = useQuery({ ...itemOf("configurations", Number(value)), enabled: value !== null });
  // The name of what is chosen stands in the field, too; that is no search.
  const name = wanted === chosen.data?.name ? undefined : wanted || undefined;
  const list = useInfiniteQuery(listOf("configurations", { name }));
  const found = list.data?.pages.flatMap((page) => page.items) ?? [];
  const known = chosen.data;
  const items = known === undefined || found.some(({ id }) => id === known.id) ? found : [known, ...found];
  return (
    <div>
      <Select
        label="Configuration"
        description="All of its models are trained on the same stream"
        placeholder="Search configurations"
        data={items.map((item) => ({ value: String(item.id), label: item.name }))}
        value={value}
        {...(onChange === undefined ? {} : { onChange })}
        searchable
        searchValue={search}
        onSearchChange={setSearch}
        nothingFoundMessage={list.isFetching ? "Looking…" : "There is none of this name."}
        error={error}
        required
        withAsterisk={false}
      />
      {known !== undefined && <Models ids={known.model_ids} />}
    </div>
  );
}

function Models({ ids }: { ids: readonly number[] }) {
  const models = useQueries({ queries: ids.map((id) => itemOf("models", id)) });
  const all = models.flatMap(({ data }) => (data === undefined ? [] : [data]));
  const bad = all.filter(({ state }) => state !== "valid");
  return (
    <>
      <Group gap="md" mt="xs">
        {all.map((model) => (
          <Group key={model.id} gap={6} wrap="nowrap">
            <Anchor component={Link} to={`/models/${model.id}`} size="sm">
              {model.name}
            </Anchor>
            {model.state !== "valid" && <StateBadge state={model.state} size="sm" />}
          </Group>
        ))}
      </Group>
      {bad.length > 0 && (
        <Text size="sm" mt={4} role="status">
          Only valid models can be deployed: {bad.map(({ name }) => name).join(", ")}{" "}
          {bad.length === 1 ? "is not" : "are not"}.
        </Text>
      )}
    </>
  );
}
