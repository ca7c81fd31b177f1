import { Group, Select, type SelectProps, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { type Items, itemOf, listOf } from "@/api/resources";
import { metric, shape } from "@/components/formats";

type Result = Items["results"];

interface ResultPickerProps {
  value?: string | null;
  onChange?: (value: string | null) => void;
  error?: ReactNode;
  label?: string;
  description?: string;
  /** Which results may be chosen, of those that have a model. */
  fits?: (result: Result) => boolean;
}

/** Chooses a result that has a trained model, by the model's name or the result's number. */
export function ResultPicker({
  value = null,
  onChange,
  error,
  label = "Trained model",
  description = "A result that has a model",
  fits = () => true,
}: ResultPickerProps) {
  const [search, setSearch] = useState("");
  const [wanted] = useDebouncedValue(search, 200);
  const chosen = useQuery({ ...itemOf("results", Number(value)), enabled: value !== null });
  const known = chosen.data;
  // What is chosen stands in the field, too; that is no search, and neither is a number.
  const isSearch = wanted !== "" && wanted !== (known === undefined ? "" : titleOf(known)) && !/^#?\d+$/.test(wanted);
  const list = useInfiniteQuery(listOf("results", isSearch ? { text: wanted } : {}));
  const found = list.data?.pages.flatMap((page) => page.items) ?? [];
  const results = known === undefined || found.some(({ id }) => id === known.id) ? found : [known, ...found];
  const usable = results.filter((result) => result.id === known?.id || (result.has_model && fits(result)));
  const byId = new Map(usable.map((result) => [String(result.id), result]));
  const renderOption: SelectProps["renderOption"] = ({ option }) => {
    const result = byId.get(option.value);
    return result === undefined ? option.label : <Option result={result} />;
  };
  return (
    <Select
      label={label}
      description={description}
      placeholder="Search results"
      data={usable.map((result) => ({ value: String(result.id), label: titleOf(result) }))}
      value={value}
      {...(onChange === undefined ? {} : { onChange })}
      searchable
      searchValue={search}
      onSearchChange={setSearch}
      renderOption={renderOption}
      maxDropdownHeight={320}
      nothingFoundMessage={list.isFetching ? "Looking…" : "No result with a model fits."}
      error={error}
      required
      withAsterisk={false}
    />
  );
}

function titleOf({ id, model_name, model_version }: Result): string {
  return `${model_name}, version ${model_version} (result ${id})`;
}

function Option({ result }: { result: Result }) {
  const metrics = Object.entries(result.test_metrics ?? result.validation_metrics ?? {});
  const [name, score] = metrics.find(([metricName]) => metricName !== "loss") ?? metrics[0] ?? [];
  return (
    <div style={{ minWidth: 0 }}>
      <Text size="sm" truncate>
        {result.model_name}, version {result.model_version}
      </Text>
      <Group gap="sm">
        <Text size="xs" className="quiet">
          Result {result.id} of deployment {result.deployment_id}, takes {shape(result.input_shape)}
        </Text>
        {name !== undefined && (
          <Text size="xs" className="quiet numeric">
            {name} {metric(score)}
          </Text>
        )}
      </Group>
    </div>
  );
}
