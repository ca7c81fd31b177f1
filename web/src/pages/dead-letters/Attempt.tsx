import { Group, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { getJson, type Schemas } from "@/api/client";
import { shape } from "@/components/formats";
import { SampleView } from "@/components/messages";
import { undecoded } from "@/pages/datasources/words";

interface AttemptProps {
  origin: Schemas["Origin"];
  inference: number;
}

/** What becomes of the message where it was, decoded as the inference would. */
export function Attempt({ origin, inference }: AttemptProps) {
  const { topic, partition, offset } = origin;
  const found = useQuery({
    queryKey: ["topics", topic, "attempt", partition, offset, inference],
    queryFn: ({ signal }) =>
      getJson<Schemas["TopicMessages"]>(
        `/api/v1/topics/${encodeURIComponent(topic)}/messages`,
        { partition, offset, limit: 1, inference_id: inference },
        signal,
      ),
    retry: false,
  });
  const message = found.data?.messages.find((one) => one.offset === offset);
  return (
    <Stack gap={4}>
      <Text size="sm" fw={600}>
        Decoded as the inference does
      </Text>
      <Text size="sm" component="div">
        {found.isPending ? (
          "Reading the message where it was."
        ) : found.error !== null ? (
          `It can't be tried: ${found.error.message}`
        ) : message === undefined ? (
          "The message is no longer where it was."
        ) : (
          <Outcome sample={message.sample} />
        )}
      </Text>
    </Stack>
  );
}

function Outcome({ sample }: { sample: Schemas["Sample"] | null }) {
  if (sample === null) return "Nothing is known of how its messages are encoded.";
  return (
    <Group gap="sm" wrap="nowrap" align="flex-start">
      {sample.values !== null && <SampleView sample={sample} size={72} />}
      <span>
        {sample.error !== null
          ? undecoded(sample.error)
          : `It can be decoded: a sample of shape ${shape(sample.shape)}. It may have been the model that failed.`}
      </span>
    </Group>
  );
}
