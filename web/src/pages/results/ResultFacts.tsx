import { Anchor, SimpleGrid, Table, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import type { Views } from "@/api/resources";
import { Facts } from "@/components/Facts";
import { bytes, count, duration, metric, shape } from "@/components/formats";
import { Section } from "@/components/Section";
import { Ago } from "@/components/time";

type Result = Views["results"];

export function ResultFacts({ result }: { result: Result }) {
  const sizes = [result.training_size, result.validation_size, result.test_size];
  return (
    <Facts
      facts={[
        [
          "Model",
          <Anchor key="model" component={Link} to={`/models/${result.model_id}`} size="sm">
            {result.model_name}, version {result.model_version}
          </Anchor>,
        ],
        ["Samples", sizes.some((size) => size !== null) ? samplesText(sizes) : undefined],
        ["Left out", result.skipped ? `${count(result.skipped)} messages that could not be decoded` : undefined],
        ["Input shape", result.input_shape === null ? undefined : shape(result.input_shape)],
        ["Attempts", count(result.attempt)],
        ["Began", <Ago key="began" time={result.started_at} />],
        ["Ended", result.ended_at === null ? undefined : <Ago key="ended" time={result.ended_at} />],
        ["Training took", result.duration_seconds === null ? undefined : duration(result.duration_seconds)],
        ["Stored model", result.has_model ? bytes(result.model_bytes) : "None"],
      ]}
    />
  );
}

function samplesText(sizes: readonly (number | null)[]): string {
  const [training, validation, test] = sizes;
  return `${count(training)} for training, ${count(validation)} for validation, ${count(test)} for testing`;
}

/** The metrics of the three parts side by side. */
export function ResultMetrics({ result }: { result: Result }) {
  const parts = [
    ["Test", result.test_metrics, "of samples that it has never seen"],
    ["Validation", result.validation_metrics, "after the last epoch"],
    ["Training", result.training_metrics, "of the last epoch"],
  ] as const;
  if (parts.every(([, metrics]) => Object.keys(metrics ?? {}).length === 0)) return null;
  return (
    <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="md">
      {parts.map(([name, metrics, words]) => (
        <Section key={name} title={name}>
          {Object.keys(metrics ?? {}).length === 0 ? (
            <Text size="sm" className="quiet">
              Nothing was measured.
            </Text>
          ) : (
            <Table
              withRowBorders={false}
              verticalSpacing={2}
              horizontalSpacing={0}
              className="numeric"
              aria-label={name}
            >
              <Table.Tbody>
                {Object.entries(metrics ?? {}).map(([metricName, value]) => (
                  <Table.Tr key={metricName}>
                    <Table.Th scope="row" fw={400} className="quiet">
                      {metricName}
                    </Table.Th>
                    <Table.Td ta="right" fw={650}>
                      {metric(value)}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )}
          <Text size="xs" className="quiet">
            {words}
          </Text>
        </Section>
      ))}
    </SimpleGrid>
  );
}
