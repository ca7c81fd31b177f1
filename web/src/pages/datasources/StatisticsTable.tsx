import { Table } from "@mantine/core";
import { count, metric } from "@/components/formats";
import type { Statistics } from "./statistics";

/** What the values of samples are like, by label. */
export function StatisticsTable({ rows }: { rows: readonly Statistics[] }) {
  return (
    <Table.ScrollContainer minWidth={460} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table className="numeric" aria-label="Values by label" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Label</Table.Th>
            {["Samples", "Least", "Mean", "Greatest", "Deviation"].map((name) => (
              <Table.Th key={name} ta="right">
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.label}>
              <Table.Th scope="row" fw={550}>
                {row.label}
              </Table.Th>
              <Table.Td ta="right">{count(row.samples)}</Table.Td>
              <Table.Td ta="right">{plain(row.least)}</Table.Td>
              <Table.Td ta="right">{metric(row.mean)}</Table.Td>
              <Table.Td ta="right">{plain(row.greatest)}</Table.Td>
              <Table.Td ta="right">{metric(row.deviation)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function plain(value: number | null): string {
  return value !== null && Number.isInteger(value) ? count(value) : metric(value);
}
