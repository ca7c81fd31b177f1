import { Alert, Group, Stack, Switch, Tabs, TextInput } from "@mantine/core";
import { useQueries, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { getJson, type Schemas } from "@/api/client";
import type { Views } from "@/api/resources";
import { Snippet } from "@/components/Snippet";
import { DEFAULT_CONTROL_TOPIC, FORMATS, type Format, obstacleTo, sinkSnippet, topicFor } from "./snippets";
import { versionOf } from "./versions";

/** The program that sends a stream to a deployment, to copy. */
export function SinkSnippet({ deployment }: { deployment: Views["deployments"] }) {
  const [format, setFormat] = useState<Format>("RAW");
  const [oneByOne, setOneByOne] = useState(false);
  const [topic, setTopic] = useState(() => topicFor(deployment.configuration_name));
  const about = useQuery({
    queryKey: ["about"],
    queryFn: ({ signal }) => getJson<Schemas["About"]>("/api/v1/about", {}, signal),
  });
  const inputShape = useInputShape(deployment);
  const obstacle = obstacleTo(format, inputShape);
  const text = sinkSnippet({
    format,
    oneByOne,
    topic,
    inputShape,
    deploymentId: deployment.id,
    bootstrapServers: about.data?.bootstrap_servers ?? "BOOTSTRAP_SERVERS",
    securityProtocol: about.data?.security_protocol ?? "PLAINTEXT",
    controlTopic: about.data?.control_topic ?? DEFAULT_CONTROL_TOPIC,
  });
  return (
    <Stack gap="sm">
      <Group gap="md" align="flex-end">
        <Tabs value={format} onChange={(next) => setFormat((next ?? "RAW") as Format)} variant="pills">
          <Tabs.List aria-label="Format">
            {FORMATS.map((name) => (
              <Tabs.Tab key={name} value={name} aria-controls="sink-snippet">
                {name}
              </Tabs.Tab>
            ))}
          </Tabs.List>
        </Tabs>
        <TextInput
          label="Topic"
          size="xs"
          value={topic}
          onChange={(event) => setTopic(event.currentTarget.value)}
          error={/^[\w.-]{1,249}$/.test(topic) ? null : "Letters, digits, dots, dashes and underscores"}
        />
        <Switch
          label="Sample by sample, as with the earlier library"
          size="sm"
          mb={6}
          checked={oneByOne}
          onChange={(event) => setOneByOne(event.currentTarget.checked)}
        />
      </Group>
      {obstacle !== null && (
        <Alert color="yellow" variant="light">
          {obstacle}
        </Alert>
      )}
      {about.error !== null && (
        <Alert color="yellow" variant="light">
          The address of Kafka for programs outside is not known just now: put it in place of BOOTSTRAP_SERVERS.
        </Alert>
      )}
      <div id="sink-snippet" role="tabpanel" aria-label={`Program for ${format}`}>
        <Snippet text={text} label="program" />
      </div>
    </Stack>
  );
}

/** What one sample looks like for the models; null where they differ or are not fixed. */
function useInputShape({ results }: Views["deployments"]): (number | null)[] | null {
  const versions = useQueries({
    queries: results.map(({ model_id, model_version }) => versionOf(model_id, model_version)),
  });
  const shapes = versions.map(({ data }) => data?.summary?.input_shape ?? null);
  const [first = null] = shapes;
  return shapes.every((shape) => JSON.stringify(shape) === JSON.stringify(first)) ? first : null;
}
