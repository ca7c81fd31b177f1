import { Stack, Text } from "@mantine/core";
import { useThrottledCallback } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo, useRef } from "react";
import { getJson } from "@/api/client";
import { useLiveEvents } from "@/api/useLive";
import { count, plural } from "@/components/formats";
import { MessageBrowser, type Place } from "@/components/messages";
import { PageHeader } from "@/components/PageHeader";
import { Ribbon, type RibbonData } from "@/components/ribbon";
import { Section } from "@/components/Section";
import { Loaded } from "@/components/states";
import { addressOf, choicesOf, decodingOf, placeOf } from "./address";

const REFRESH_MS = 3000;

export function TopicPage() {
  const { name } = useParams({ from: "/topics/$name" });
  const ribbon = useQuery({
    queryKey: ["topics", "ribbon", name],
    queryFn: ({ signal }) => getJson<RibbonData>(`/api/v1/topics/${encodeURIComponent(name)}/ribbon`, {}, signal),
    staleTime: 0,
  });
  return (
    <Loaded query={ribbon} failure="The topic can't be shown">
      {(data) => <Topic key={name} data={data} />}
    </Loaded>
  );
}

function Topic({ data }: { data: RibbonData }) {
  const search = useSearch({ from: "/topics/$name" });
  const navigate = useNavigate({ from: "/topics/$name" });
  const queries = useQueryClient();
  const browser = useRef<HTMLDivElement>(null);
  const place = useMemo(() => placeOf(search), [search]);
  const choices = useMemo(() => choicesOf(data), [data]);
  const decoding = useMemo(() => decodingOf(search, choices), [search, choices]);

  const refresh = useThrottledCallback(
    () => void queries.invalidateQueries({ queryKey: ["topics", "ribbon", data.topic] }),
    REFRESH_MS,
  );
  const readers = new Set(data.inferences.map(({ inference_id }) => inference_id));
  useLiveEvents(({ type, data: told }) => {
    const isReader = typeof told.inference_id === "number" && readers.has(told.inference_id);
    const isNew =
      type === "kafka-ml.resource.changed" && (told.resource === "datasources" || told.resource === "inferences");
    if (isReader || isNew) refresh();
  });

  const go = (next: Partial<typeof search>, replace: boolean) =>
    void navigate({ search: addressOf({ ...search, ...next }), replace, resetScroll: false });
  const setPlace = ({ partition, offset, time }: Place) =>
    go({ partition: partition?.toString(), offset: offset?.toString(), time } as Partial<typeof search>, false);
  const messages = data.partitions.reduce((all, { start, end }) => all + end - start, 0);
  return (
    <>
      <PageHeader
        title={data.topic}
        parent={{ label: "Topics", to: "/topics" }}
        description={`${plural(data.partitions.length, "partition")}, ${count(messages)} messages`}
      />
      <Stack gap="md">
        <Section title="What became of its messages">
          <Ribbon
            data={data}
            onJump={(partition, offset) => {
              setPlace({ partition, offset });
              browser.current?.scrollIntoView({ block: "start", behavior: "smooth" });
            }}
          />
          {data.ranges.length === 0 && data.inferences.length === 0 && (
            <Text size="sm" className="quiet">
              No data source and no inference has used it so far.
            </Text>
          )}
        </Section>
        <div ref={browser} style={{ scrollMarginTop: 68 }}>
          <MessageBrowser
            topic={data.topic}
            place={place}
            onPlace={setPlace}
            view={search.view}
            onView={(view) => go({ view }, true)}
            choices={choices}
            decoding={decoding}
            onDecoding={({ datasource_id, inference_id }) =>
              go(
                {
                  datasource: datasource_id?.toString() ?? (inference_id === undefined ? "none" : undefined),
                  inference: inference_id?.toString(),
                  view: undefined,
                } as Partial<typeof search>,
                true,
              )
            }
          />
        </div>
      </Stack>
    </>
  );
}
