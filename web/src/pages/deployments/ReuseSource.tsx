import { Button, Group, Select, Text } from "@mantine/core";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, unwrap } from "@/api/client";
import { type Items, listOf, type Views } from "@/api/resources";
import { useAction } from "@/components/actions";
import { ago, plural } from "@/components/formats";
import { useNow } from "@/components/time";

/** Trains on a stream that was sent before. */
export function ReuseSource({ deployment }: { deployment: Views["deployments"] }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const now = useNow();
  const list = useInfiniteQuery(listOf("datasources"));
  const found = list.data?.pages.flatMap((page) => page.items) ?? [];
  const reuse = useAction(
    (id: number) =>
      unwrap(
        api.POST("/api/v1/datasources/{id}/reuse", {
          params: { path: { id } },
          body: { deployment_id: deployment.id },
        }),
      ),
    {
      failure: "The data source can't be used",
      done: ({ datasource_id }) => `Data source ${datasource_id} is announced for this deployment.`,
    },
  );
  if (list.data !== undefined && found.length === 0) {
    return (
      <Text size="sm" className="quiet">
        No stream was sent yet.
      </Text>
    );
  }
  return (
    <Group align="flex-end" gap="sm">
      <Select
        label="Data source"
        placeholder="Choose one"
        data={found.map((source) => ({ value: String(source.id), label: labelOf(source, now) }))}
        value={chosen}
        onChange={setChosen}
        onDropdownClose={() => list.hasNextPage && void list.fetchNextPage()}
        searchable
        nothingFoundMessage="There is none like this."
        w={{ base: "100%", sm: 460 }}
        disabled={list.data === undefined}
        error={list.error === null ? null : "The data sources can't be listed just now."}
      />
      <Button
        variant="light"
        disabled={chosen === null}
        loading={reuse.isPending}
        onClick={() => reuse.mutate(Number(chosen))}
      >
        Train on it
      </Button>
    </Group>
  );
}

function labelOf(
  { id, description, stream, input_format, messages, created_at }: Items["datasources"],
  now: number,
): string {
  const name = description || stream.topic.split(":")[0];
  return `${id}: ${name} (${input_format}, ${plural(messages, "message")}, ${ago(created_at, now)})`;
}
