import { Anchor, Table, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { count } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { PART_NAMES, type RibbonData } from "./ribbon";

const MOST = 500;

interface Entry {
  key: string;
  partition: number;
  what: ReactNode;
  from: number;
  until: number | null;
  note: string;
}

/** The same as the lanes, as a table. */
export function RibbonTable({
  data,
  onJump,
}: {
  data: RibbonData;
  onJump: (partition: number, offset: number) => void;
}) {
  const entries = entriesOf(data);
  return (
    <Table.ScrollContainer minWidth={560} mah={420}>
      <Table aria-label={`Ranges of ${data.topic}`} fz="sm" stickyHeader>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Partition</Table.Th>
            <Table.Th>What</Table.Th>
            <Table.Th ta="right">From offset</Table.Th>
            <Table.Th ta="right">Before offset</Table.Th>
            <Table.Th>Note</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody className="numeric">
          {entries.slice(0, MOST).map(({ key, partition, what, from, until, note }) => (
            <Table.Tr key={key}>
              <Table.Td>{partition}</Table.Td>
              <Table.Td>{what}</Table.Td>
              <Table.Td ta="right">
                <Anchor component="button" type="button" size="sm" onClick={() => onJump(partition, from)}>
                  {count(from)}
                </Anchor>
              </Table.Td>
              <Table.Td ta="right">{until === null ? "" : count(until)}</Table.Td>
              <Table.Td>{note}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {entries.length > MOST && (
        <Text size="xs" className="quiet" p="xs">
          The first {count(MOST)} of {count(entries.length)}.
        </Text>
      )}
    </Table.ScrollContainer>
  );
}

function entriesOf({ partitions, ranges, inferences, changes }: RibbonData): Entry[] {
  const entries: Entry[] = [
    ...partitions.map(({ partition, start, end }) => ({
      key: `kept ${partition}`,
      partition,
      what: "Retained",
      from: start,
      until: end,
      note: start > 0 ? `retention took ${count(start)}` : "",
    })),
    ...ranges.map((range) => ({
      key: `used ${range.datasource_id} ${range.part} ${range.partition} ${range.start}`,
      partition: range.partition,
      what: (
        <>
          {PART_NAMES[range.part]} of{" "}
          <LinkAnchor to="/datasources/$id" params={{ id: range.datasource_id }} size="sm">
            data source {range.datasource_id}
          </LinkAnchor>
        </>
      ),
      from: range.start,
      until: range.end,
      note: range.deleted > 0 ? `retention took ${count(range.deleted)}` : "",
    })),
    ...inferences.map((stand) => ({
      key: `stand ${stand.inference_id} ${stand.partition}`,
      partition: stand.partition,
      what: (
        <LinkAnchor to="/inferences/$id" params={{ id: stand.inference_id }} size="sm">
          Inference {stand.inference_id}: {stand.model_name}
        </LinkAnchor>
      ),
      from: stand.position,
      until: null,
      note: `${stand.state}, lag ${count(stand.lag)}`,
    })),
    ...changes.map((change) => ({
      key: `change ${change.inference_id} ${change.result_id} ${change.partition} ${change.offset}`,
      partition: change.partition,
      what: `Inference ${change.inference_id} began with ${change.model_name}`,
      from: change.offset,
      until: null,
      note: `result ${change.result_id}`,
    })),
  ];
  return entries.sort((one, other) => one.partition - other.partition);
}
