import { Badge, Code, Stack, Text } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useParams } from "@tanstack/react-router";
import { itemOf, listOf, type Views } from "@/api/resources";
import { Facts } from "@/components/Facts";
import { count, percent } from "@/components/formats";
import { useAbout } from "@/components/health";
import { LinkAnchor } from "@/components/links";
import { PageHeader } from "@/components/PageHeader";
import { Section } from "@/components/Section";
import { Snippet } from "@/components/Snippet";
import { Loaded } from "@/components/states";
import { Ago } from "@/components/time";
import classes from "./datasources.module.css";
import { RangesTable } from "./RangesTable";
import { Retained } from "./Retained";
import { liveTopic, topicsOf } from "./ranges";
import { Samples } from "./Samples";
import { sendAgain } from "./sendAgain";
import { UseAgain } from "./UseAgain";
import { UsedBy } from "./UsedBy";

export function DatasourcePage() {
  const { id } = useParams({ from: "/datasources/$id" });
  const source = useQuery(itemOf("datasources", id));
  return (
    <Loaded query={source} failure="The data source can't be shown">
      {(data) => <Shown source={data} />}
    </Loaded>
  );
}

function Shown({ source }: { source: Views["datasources"] }) {
  const { id, stream } = source;
  return (
    <>
      <PageHeader
        title={source.description.slice(0, 120) || `Data source ${id}`}
        parent={{ label: "Data sources", to: "/datasources" }}
        badge={
          <Badge variant="default" radius="sm" tt="none">
            {source.input_format}
          </Badge>
        }
        description={topicsOf(stream).join(", ")}
      />
      <div className={classes.page}>
        <Stack gap="md" className={classes.column ?? ""}>
          <Samples id={id} />
          <Section title="Where it lies">
            <RangesTable stream={stream} />
          </Section>
          <SendAgain stream={stream} />
          <Section title="Control message">
            <Text size="sm" className="quiet">
              What announced it on the control topic. The same message, with the id of another deployment as its key,
              announces it for that one.
            </Text>
            <Snippet text={JSON.stringify(stream, null, 2)} label="control message" />
          </Section>
        </Stack>
        <Stack gap="md" className={classes.column ?? ""}>
          <Section title="About it">
            <About source={source} />
          </Section>
          <Section title="Train on it again">
            <UseAgain id={id} />
          </Section>
          <Section title="Used by">
            <UsedBy id={id} />
          </Section>
        </Stack>
      </div>
    </>
  );
}

function About({ source }: { source: Views["datasources"] }) {
  const { stream } = source;
  const config = Object.entries(stream.input_config ?? {}).filter(([, value]) => value !== null && value !== "");
  return (
    <Facts
      facts={[
        ["Messages", liveTopic(stream) === null ? count(source.messages) : "as the topic grows"],
        ["Still in the log", <Retained key="kept" stream={stream} />],
        ["For validation", percent(stream.validation_rate)],
        ["For testing", percent(stream.test_rate)],
        ...config.map(
          ([name, value]) =>
            [name, <Code key={name}>{typeof value === "string" ? value : JSON.stringify(value)}</Code>] as const,
        ),
        ["Announced", <Ago key="time" time={source.created_at} />],
        [
          "First sent for",
          <LinkAnchor key="deployment" to="/deployments/$id" params={{ id: source.deployment_id }} size="sm">
            Deployment {source.deployment_id}
          </LinkAnchor>,
        ],
        [
          "Fingerprint",
          <Code key="fingerprint" title={source.fingerprint}>
            {source.fingerprint.slice(0, 12)}
          </Code>,
        ],
      ]}
    />
  );
}

function SendAgain({ stream }: { stream: Views["datasources"]["stream"] }) {
  const about = useAbout();
  const awaiting = useInfiniteQuery(listOf("deployments", { state: "awaiting" }));
  const [first] = awaiting.data?.pages[0]?.items ?? [];
  const address = about.data ?? {
    bootstrap_servers: "BOOTSTRAP_SERVERS",
    security_protocol: "PLAINTEXT",
    control_topic: "KAFKA_ML_CONTROL_TOPIC",
  };
  const program = sendAgain(stream, address, first?.id ?? null);
  return (
    <Section title="Send such a stream again">
      {program === null ? (
        <Text size="sm" className="quiet">
          Streams of this format come from other programs, such as Telegraf; announce them with the control message
          below.
        </Text>
      ) : (
        <Snippet text={program} label="program" />
      )}
    </Section>
  );
}
