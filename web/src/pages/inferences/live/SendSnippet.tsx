import { Alert, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getJson, type Schemas } from "@/api/client";
import type { Items } from "@/api/resources";
import { Snippet } from "@/components/Snippet";
import { clientSnippet } from "./snippet";

/** How a program sends samples to an inference and gets its predictions. */
export function SendSnippet({ inference }: { inference: Items["inferences"] }) {
  const about = useQuery({
    queryKey: ["about"],
    queryFn: ({ signal }) => getJson<Schemas["About"]>("/api/v1/about", {}, signal),
  });
  if (inference.input_format === "TELEGRAF_STR_JSON") {
    return (
      <Text size="sm">
        Have Telegraf write to <strong>{inference.input_topic}</strong>; predictions come on{" "}
        <strong>{inference.output_topic}</strong>.
      </Text>
    );
  }
  return (
    <Stack gap="sm">
      <Text size="sm" className="quiet">
        With the library kafka-ml-sinks. Any other producer does as well: a message on {inference.input_topic} is a
        sample, and its key comes back with the prediction.
      </Text>
      {about.error !== null && (
        <Alert color="yellow" variant="light">
          The address of Kafka for programs outside is not known just now: put it in place of BOOTSTRAP_SERVERS.
        </Alert>
      )}
      <Snippet
        label="program"
        text={clientSnippet({
          inference,
          bootstrapServers: about.data?.bootstrap_servers ?? "BOOTSTRAP_SERVERS",
          securityProtocol: about.data?.security_protocol ?? "PLAINTEXT",
        })}
      />
    </Stack>
  );
}
