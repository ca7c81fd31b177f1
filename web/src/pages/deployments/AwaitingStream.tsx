import { Anchor, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { itemOf, type Views } from "@/api/resources";
import { Facts } from "@/components/Facts";
import { count, percent } from "@/components/formats";
import { Section } from "@/components/Section";
import { Loaded } from "@/components/states";
import { ReuseSource } from "./ReuseSource";
import { SinkSnippet } from "./SinkSnippet";

/** The stream that a deployment had or, until it has one, how to send it one. */
export function AwaitingStream({ deployment }: { deployment: Views["deployments"] }) {
  if (deployment.datasource_id !== null) return <Had id={deployment.datasource_id} />;
  if (deployment.state !== "awaiting") return <Text className="quiet">It had no stream.</Text>;
  return (
    <Stack gap="md">
      <Section title="Send it a stream">
        <Text size="sm">
          It awaits its stream. Training begins by itself when the last sample is in the log and the stream is
          announced.
        </Text>
        <SinkSnippet deployment={deployment} />
      </Section>
      <Section title="Or use a data source that is already in the log">
        <ReuseSource deployment={deployment} />
      </Section>
    </Stack>
  );
}

function Had({ id }: { id: number }) {
  const source = useQuery(itemOf("datasources", id));
  return (
    <Section title="Stream">
      <Loaded query={source} failure="The data source can't be shown" rows={3}>
        {({ stream, input_format, messages, description }) => (
          <Facts
            facts={[
              [
                "Data source",
                <Anchor key="source" component={Link} to={`/datasources/${id}`} size="sm">
                  {description || `Data source ${id}`}
                </Anchor>,
              ],
              ["Messages", count(messages)],
              ["Format", input_format],
              ["Ranges", stream.topic],
              ["For validation", percent(stream.validation_rate)],
              ["For testing", percent(stream.test_rate)],
            ]}
          />
        )}
      </Loaded>
    </Section>
  );
}
