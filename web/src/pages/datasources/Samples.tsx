import { Alert, Group, SegmentedControl, Stack, Text } from "@mantine/core";
import { IconHistoryOff } from "@tabler/icons-react";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { partOf } from "@/api/resources";
import { count, plural, shape } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { SampleView } from "@/components/messages";
import { Section } from "@/components/Section";
import { Loaded } from "@/components/states";
import classes from "./datasources.module.css";
import { StatisticsTable } from "./StatisticsTable";
import { labelText, statisticsOf } from "./statistics";
import { undecoded } from "./words";

/** The first samples of a stream that the log still has, decoded, with what their values are like. */
export function Samples({ id }: { id: number }) {
  const [limit, setLimit] = useState("24");
  const preview = useQuery({
    ...partOf<Schemas["SamplesPreview"]>("datasources", id, "preview", { limit: Number(limit) }),
    placeholderData: keepPreviousData,
  });
  return (
    <>
      <Section
        title="Samples"
        actions={
          <SegmentedControl
            size="xs"
            aria-label="How many samples"
            data={["24", "48", "100"]}
            value={limit}
            onChange={setLimit}
          />
        }
      >
        <Loaded query={preview} failure="The samples can't be shown" rows={3}>
          {(data) => <Found preview={data} />}
        </Loaded>
      </Section>
      {preview.data !== undefined && preview.data.samples.length > 0 && (
        <Section title="Values">
          <StatisticsTable rows={statisticsOf(preview.data.samples)} />
          <Text size="xs" className="quiet">
            Of the {plural(preview.data.samples.length, "sample")} above.
          </Text>
        </Section>
      )}
    </>
  );
}

function Found({ preview: { samples, deleted } }: { preview: Schemas["SamplesPreview"] }) {
  const [first] = samples;
  return (
    <Stack gap="sm">
      {deleted > 0 && (
        <Alert color="yellow" variant="light" icon={<IconHistoryOff size={18} />}>
          {plural(deleted, "offset")} of the stream {deleted === 1 ? "is" : "are"} no longer in the log: its retention
          has deleted {deleted === 1 ? "it" : "them"}. The stream can't be trained on again.
        </Alert>
      )}
      {samples.length === 0 && (
        <Text size="sm" className="quiet">
          There is nothing left of it in the log.
        </Text>
      )}
      {first?.shape !== undefined && first.shape !== null && (
        <Text size="sm" className="quiet">
          Samples of shape {shape(first.shape)}. Each leads to its message.
        </Text>
      )}
      <ul className={classes.samples}>
        {samples.map((sample) => (
          <li key={`${sample.topic}:${sample.partition}:${sample.offset}`} className={classes.sample}>
            <Card sample={sample} />
          </li>
        ))}
      </ul>
    </Stack>
  );
}

function Card({ sample }: { sample: Schemas["Sample"] }) {
  const { topic, partition, offset, error } = sample;
  return (
    <LinkAnchor
      to="/topics/$name"
      params={{ name: topic }}
      search={{ tab: "messages", partition: String(partition), offset: String(offset) }}
      className={classes.card ?? ""}
      aria-label={`Label ${labelText(sample.label)}, message ${offset} in partition ${partition}`}
    >
      <span className={classes.drawing}>
        {error === null || sample.values !== null ? <SampleView sample={sample} size={84} /> : <Broken error={error} />}
      </span>
      <Group gap={4} justify="space-between" wrap="nowrap" w="100%">
        <Text span size="sm" fw={650} truncate c="var(--mantine-color-text)">
          {labelText(sample.label)}
        </Text>
        <Text span size="xs" className="quiet numeric">
          {count(offset)}
        </Text>
      </Group>
      {error !== null && sample.values !== null && <Broken error={error} />}
    </LinkAnchor>
  );
}

function Broken({ error }: { error: string }) {
  return (
    <Text span size="xs" className={classes.broken ?? ""} lineClamp={4}>
      {undecoded(error)}
    </Text>
  );
}
