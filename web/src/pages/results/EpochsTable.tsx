import { ScrollArea, Table, Text } from "@mantine/core";
import { count, duration, metric, rate } from "@/components/formats";
import type { Curves } from "./curves";
import { baseName } from "./curves";

const MOST = 1000;

/** Each epoch in numbers, the newest first. */
export function EpochsTable({ curves }: { curves: Curves }) {
  const names = Object.keys(curves.metrics).sort(
    (a, b) => baseName(a).localeCompare(baseName(b)) || a.length - b.length,
  );
  const rows = curves.epochs
    .map((_, index) => index)
    .slice(-MOST)
    .reverse();
  if (rows.length === 0) return <Text className="quiet">No epoch has ended yet.</Text>;
  return (
    <>
      <ScrollArea.Autosize mah={560} viewportProps={{ tabIndex: 0, role: "region", "aria-label": "Epochs" }}>
        <Table stickyHeader fz="sm" verticalSpacing={4} className="numeric">
          <Table.Thead>
            <Table.Tr>
              <Table.Th>Epoch</Table.Th>
              {[...names, "Took", "Samples"].map((name) => (
                <Table.Th key={name} ta="right">
                  {name}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((index) => (
              <Table.Tr key={curves.epochs[index]}>
                <Table.Th scope="row" fw={500}>
                  {count(curves.epochs[index])}
                </Table.Th>
                {names.map((name) => (
                  <Table.Td key={name} ta="right">
                    {metric(curves.metrics[name]?.[index])}
                  </Table.Td>
                ))}
                <Table.Td ta="right">
                  {duration((curves.seconds[index] ?? 0) - (index > 0 ? (curves.seconds[index - 1] ?? 0) : 0))}
                </Table.Td>
                <Table.Td ta="right">{rate(curves.speeds[index])}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </ScrollArea.Autosize>
      {curves.epochs.length > MOST && (
        <Text size="xs" className="quiet">
          The last {count(MOST)} of {count(curves.epochs.length)} epochs.
        </Text>
      )}
    </>
  );
}
