import { Anchor, TextInput } from "@mantine/core";
import { useDebouncedCallback, useThrottledCallback } from "@mantine/hooks";
import { IconRoute, IconSearch } from "@tabler/icons-react";
import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { getJson, type Schemas } from "@/api/client";
import { PAGE_SIZE, type Page } from "@/api/resources";
import { useLiveEvents } from "@/api/useLive";
import { type Column, DataTable } from "@/components/DataTable";
import { count } from "@/components/formats";
import { PageHeader } from "@/components/PageHeader";
import { EmptyState } from "@/components/states";

type Topic = Schemas["TopicView"];

const COLUMNS: readonly Column<Topic>[] = [
  {
    id: "name",
    header: "Name",
    width: "minmax(150px, 3fr)",
    cell: ({ name }) => (
      <Anchor component={Link} to={`/topics/${name}`} c="inherit" fw={550} size="sm" title={name}>
        {name}
      </Anchor>
    ),
  },
  { id: "partitions", header: "Partitions", align: "right", cell: ({ partitions }) => count(partitions) },
  { id: "messages", header: "Messages", align: "right", cell: ({ messages }) => count(messages) },
];

const REFRESH_MS = 5000;

export function TopicsPage() {
  const { q = "" } = useSearch({ from: "/topics" });
  const navigate = useNavigate({ from: "/topics" });
  const queries = useQueryClient();
  const topics = useInfiniteQuery({
    queryKey: ["topics", "list", "pages", q],
    queryFn: ({ pageParam, signal }) =>
      getJson<Page<Topic>>("/api/v1/topics", { name: q, cursor: pageParam, limit: PAGE_SIZE }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<Topic>) => page.next_cursor,
    staleTime: 0,
  });
  // Kafka tells nobody of its topics; they grow where the platform is at work.
  const refresh = useThrottledCallback(
    () => void queries.invalidateQueries({ queryKey: ["topics", "list", "pages"] }),
    REFRESH_MS,
  );
  useLiveEvents((event) => {
    if (event.type === "kafka-ml.inference.progress" || event.type === "kafka-ml.resource.changed") refresh();
  });
  return (
    <>
      <PageHeader
        title="Topics"
        description="What lies in Kafka, but for the platform's own topics. A topic's page shows what became of its messages."
      />
      <Search value={q} onChange={(text) => void navigate({ search: text === "" ? {} : { q: text }, replace: true })} />
      <DataTable<Topic>
        label="Topics"
        columns={COLUMNS}
        query={topics}
        rowKey={({ name }) => name}
        onOpen={({ name }) => void navigate({ to: "/topics/$name", params: { name } })}
        empty={
          q === "" ? (
            <EmptyState
              icon={IconRoute}
              title="No topics yet"
              text="A topic is made when a stream is sent to it, or when a model is deployed for inference."
            />
          ) : (
            <EmptyState icon={IconSearch} title="Nothing fits" text={`No topic has “${q}” in its name.`} />
          )
        }
      />
    </>
  );
}

function Search({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(value);
  const tell = useDebouncedCallback(onChange, 250);
  // The address may change under it, by the browser's back button.
  useEffect(() => setText(value), [value]);
  return (
    <TextInput
      type="search"
      aria-label="Search topics"
      placeholder="Search topics"
      leftSection={<IconSearch size={16} />}
      mb="sm"
      w={{ base: "100%", sm: 280 }}
      value={text}
      onChange={(event) => {
        setText(event.currentTarget.value);
        tell(event.currentTarget.value);
      }}
    />
  );
}
