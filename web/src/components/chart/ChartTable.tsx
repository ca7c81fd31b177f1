import { ScrollArea, Table, Text } from "@mantine/core";
import { metric } from "@/components/formats";
import type { LineChartProps } from "./chart";
import { joined } from "./lines";
import { xText } from "./options";

const MOST = 500;

/** What a chart shows, as a table with the newest first. */
export function ChartTable({
  label,
  lines,
  xKind = "number",
  xLabel = "x",
  height = 240,
  format = metric,
}: LineChartProps) {
  const shown = lines.filter((line) => line.faint !== true);
  const [xs, ...columns] = joined(shown);
  const rows = xs
    .map((_, index) => index)
    .slice(-MOST)
    .reverse();
  return (
    <ScrollArea h={height} viewportProps={{ tabIndex: 0, role: "region", "aria-label": `${label}, as a table` }}>
      <Table stickyHeader fz="xs" verticalSpacing={4} className="numeric">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{xLabel}</Table.Th>
            {shown.map((line) => (
              <Table.Th key={line.id} ta="right">
                {line.label}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={xs[row]}>
              <Table.Th scope="row" fw={500}>
                {xText(xs[row] ?? 0, xKind)}
              </Table.Th>
              {shown.map((line, column) => {
                const value = columns[column]?.[row];
                return (
                  <Table.Td key={line.id} ta="right">
                    {value === null || value === undefined ? "–" : format(value)}
                  </Table.Td>
                );
              })}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {xs.length > MOST && (
        <Text size="xs" className="quiet" p="xs">
          The last {MOST} of {xs.length} rows.
        </Text>
      )}
    </ScrollArea>
  );
}
