import { Button, Group, Select, Stack, Text } from "@mantine/core";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { api, unwrap } from "@/api/client";
import { keys, listOf } from "@/api/resources";
import { useAction } from "@/components/actions";
import { LinkButton } from "@/components/links";

/** Trains on a data source again: for a deployment that awaits its stream, or for a new one. */
export function UseAgain({ id }: { id: number }) {
  const [chosen, setChosen] = useState<string | null>(null);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const awaiting = useInfiniteQuery(listOf("deployments", { state: "awaiting" }));
  const found = (awaiting.data?.pages.flatMap((page) => page.items) ?? []).filter(({ state }) => state === "awaiting");
  const value = found.some((deployment) => String(deployment.id) === chosen) ? chosen : null;
  const reuse = useAction(
    (deployment_id: number) =>
      unwrap(api.POST("/api/v1/datasources/{id}/reuse", { params: { path: { id } }, body: { deployment_id } })),
    {
      failure: "The data source can't be used",
      done: ({ deployment_id }) => `It is announced for deployment ${deployment_id}.`,
      onDone: ({ deployment_id }) => {
        void queries.invalidateQueries({ queryKey: keys.lists("deployments") });
        void navigate({ to: "/deployments/$id", params: { id: deployment_id } });
      },
    },
  );
  return (
    <Stack gap="sm">
      {found.length === 0 ? (
        <Text size="sm" className="quiet">
          {awaiting.data === undefined
            ? "Looking for deployments that await a stream."
            : "No deployment awaits a stream."}
        </Text>
      ) : (
        <Group align="flex-end" gap="xs">
          <Select
            label="A deployment that awaits its stream"
            placeholder="Choose one"
            data={found.map((deployment) => ({
              value: String(deployment.id),
              label: `${deployment.id}: ${deployment.configuration_name}`,
            }))}
            value={value}
            onChange={setChosen}
            onDropdownClose={() => awaiting.hasNextPage && void awaiting.fetchNextPage()}
            searchable
            flex={1}
            miw={200}
          />
          <Button disabled={value === null} loading={reuse.isPending} onClick={() => reuse.mutate(Number(value))}>
            Train on it
          </Button>
        </Group>
      )}
      <div>
        <LinkButton to="/deployments/new" search={{ datasource: String(id) }} variant="default">
          New deployment with it
        </LinkButton>
      </div>
    </Stack>
  );
}
