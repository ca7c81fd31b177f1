import { SimpleGrid } from "@mantine/core";
import type { Items } from "@/api/resources";
import { Facts } from "@/components/Facts";
import { count, dateTime } from "@/components/formats";
import { Section } from "@/components/Section";
import { Elapsed } from "@/components/time";
import { FormatFacts } from "./FormatFacts";

/** How an inference was set up. */
export function SetupTab({ inference }: { inference: Items["inferences"] }) {
  const { settings } = inference;
  const { placement, autoscaling } = settings;
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} style={{ alignItems: "start" }}>
      <Section title="Format of the input">
        <FormatFacts format={inference.input_format} config={inference.input_config} />
      </Section>
      <Section title="Reading and batches">
        <Facts
          facts={[
            ["Begins at", settings.start_from === "earliest" ? "the earliest message" : "what came after its start"],
            ["Delivery", settings.delivery === "exactly_once" ? "exactly once" : "at least once"],
            ["Largest batch", `${count(settings.max_batch)} messages`],
            ["Waits for more", `${count(settings.max_wait_ms)} ms`],
            ["Memory", `${count(settings.memory_mb)} MiB`],
          ]}
        />
      </Section>
      <Section title="Replicas and placement">
        <Facts
          facts={[
            ["Replicas", `${inference.replicas_running} of ${inference.replicas} run`],
            [
              "Scaling",
              autoscaling === null || autoscaling === undefined
                ? "by hand"
                : `by itself, ${autoscaling.min_replicas} to ${autoscaling.max_replicas}, one for each ${count(autoscaling.lag_per_replica)} messages that wait`,
            ],
            ["Framework", placement?.framework],
            ["Processors", placement?.cpus ?? undefined],
            ["Graphics processors", placement?.gpus],
            ["Node labels", textOf(placement?.node_selector)],
            ["Tolerations", placement?.tolerations.length ? JSON.stringify(placement.tolerations) : undefined],
            ["Service account", placement?.service_account ?? undefined],
          ]}
        />
      </Section>
      <Section title="History">
        <Facts
          facts={[
            ["Models so far", count(inference.generation)],
            ["Created", dateTime(inference.created_at)],
            ["Started", inference.started_at === null ? "not yet" : dateTime(inference.started_at)],
            ["Ended", inference.ended_at === null ? undefined : dateTime(inference.ended_at)],
            [
              "Runs for",
              inference.started_at === null ? undefined : (
                <Elapsed key="runs" since={inference.started_at} until={inference.ended_at} />
              ),
            ],
          ]}
        />
      </Section>
    </SimpleGrid>
  );
}

function textOf(labels: Readonly<Record<string, string>> | undefined): string | undefined {
  const found = Object.entries(labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return found.length === 0 ? undefined : found.join(", ");
}
