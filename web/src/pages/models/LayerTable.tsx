import { Table, Text } from "@mantine/core";
import type { Schemas } from "@/api/client";
import { count, percent } from "@/components/formats";
import classes from "./models.module.css";

interface LayerTableProps {
  summary: Schemas["ModelSummary"];
  /** Shows what part of the parameters each layer has. */
  detailed?: boolean;
}

/** A model's layers, from input to output. */
export function LayerTable({ summary, detailed = false }: LayerTableProps) {
  const total = summary.parameters;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section className={classes.scroll} tabIndex={0} aria-label="Layers" data-free={detailed || undefined}>
      <Table className={classes.layers ?? ""} verticalSpacing={detailed ? "xs" : 5} horizontalSpacing="xs" stickyHeader>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Layer</Table.Th>
            <Table.Th>Output shape</Table.Th>
            <Table.Th ta="right">Parameters</Table.Th>
            {detailed && <Table.Th w="22%">Part of all</Table.Th>}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {summary.layers.map((layer, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a layer that is used twice has its name twice
            <Table.Tr key={`${layer.name} ${index}`}>
              <Table.Td>
                <Text span size="sm" fw={550}>
                  {layer.kind}
                </Text>
                <Text span size="xs" className="quiet" display="block">
                  {layer.name}
                </Text>
              </Table.Td>
              <Table.Td className="numeric">{layer.output_shape}</Table.Td>
              <Table.Td ta="right" className="numeric">
                {count(layer.parameters)}
              </Table.Td>
              {detailed && (
                <Table.Td>
                  <Share part={total > 0 ? layer.parameters / total : 0} />
                </Table.Td>
              )}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </section>
  );
}

function Share({ part }: { part: number }) {
  return (
    <span className={classes.share}>
      <span className={classes.bar} aria-hidden>
        <span style={{ width: `${part * 100}%` }} />
      </span>
      <Text span size="xs" className="quiet numeric">
        {percent(part)}
      </Text>
    </span>
  );
}
