import { Button, Table, Text } from "@mantine/core";
import { useState } from "react";
import type { Schemas } from "@/api/client";
import { count, NONE } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { Kept } from "./Retained";
import { deletedOf, liveTopic, rangesOf } from "./ranges";
import { useHeld } from "./useRetention";

const FIRST = 20;
const MORE = 500;

/** Where a stream lies in the log, and what is still there. */
export function RangesTable({ stream }: { stream: Schemas["ControlMessage"] }) {
  const held = useHeld(stream);
  const [shown, setShown] = useState(FIRST);
  const live = liveTopic(stream);
  const ranges = rangesOf(stream);
  const hasUnlabelled = ranges.some(({ labelled }) => !labelled);
  return (
    <>
      {live !== null && (
        <Text size="sm">
          It is read from topic{" "}
          <LinkAnchor to="/topics/$name" params={{ name: live }} size="sm">
            {live}
          </LinkAnchor>{" "}
          as that grows.
        </Text>
      )}
      {ranges.length > 0 && (
        <Table.ScrollContainer minWidth={520} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table className="numeric" aria-label="Ranges of the log" verticalSpacing={6}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>Topic</Table.Th>
                <Table.Th ta="right">Partition</Table.Th>
                <Table.Th ta="right">From</Table.Th>
                <Table.Th ta="right">To (without)</Table.Th>
                <Table.Th ta="right">Messages</Table.Th>
                {hasUnlabelled && <Table.Th>Part</Table.Th>}
                <Table.Th w={110}>Still there</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {ranges.slice(0, shown).map((range) => {
                const { topic, partition, start, end, labelled } = range;
                const partitions = held.get(topic);
                return (
                  <Table.Tr key={`${topic}:${partition}:${start}`}>
                    <Table.Td>
                      <LinkAnchor
                        to="/topics/$name"
                        params={{ name: topic }}
                        search={{ partition: String(partition), offset: String(start) }}
                        size="sm"
                      >
                        {topic}
                      </LinkAnchor>
                    </Table.Td>
                    <Table.Td ta="right">{partition}</Table.Td>
                    <Table.Td ta="right">{count(start)}</Table.Td>
                    <Table.Td ta="right">{count(end)}</Table.Td>
                    <Table.Td ta="right">{count(end - start)}</Table.Td>
                    {hasUnlabelled && <Table.Td>{labelled ? "labelled" : "unlabelled"}</Table.Td>}
                    <Table.Td>
                      {partitions === undefined ? (
                        NONE
                      ) : (
                        <Kept size={end - start} deleted={deletedOf(range, partitions)} />
                      )}
                    </Table.Td>
                  </Table.Tr>
                );
              })}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {ranges.length > shown && (
        <Button variant="default" size="xs" onClick={() => setShown(shown + MORE)}>
          Show more of the {count(ranges.length)} ranges
        </Button>
      )}
    </>
  );
}
