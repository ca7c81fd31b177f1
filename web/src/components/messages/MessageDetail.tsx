import { Alert, Code, Group, Stack, Table, Tabs, Text } from "@mantine/core";
import { Facts } from "@/components/Facts";
import { bytes, dateTime, shape } from "@/components/formats";
import { Copy } from "@/components/Snippet";
import { bytesOf, hexOf, keyText } from "./content";
import type { Message } from "./read";
import { SampleView } from "./SampleView";
import { textOf } from "./sample";

/** One message in full: where it lies, its key, headers and value, as every way of reading it has it. */
export function MessageDetail({ message, topic }: { message: Message; topic: string }) {
  const { sample } = message;
  const json = message.document === null ? null : JSON.stringify(message.document, null, 2);
  const tabs = [
    ...(sample === null ? [] : ["sample"]),
    ...(json === null ? [] : ["json"]),
    ...(message.value === null ? [] : ["text"]),
    ...(message.value_base64 === null ? [] : ["hex"]),
  ];
  return (
    <Stack>
      <Facts
        facts={[
          ["Topic", topic],
          ["Time", message.time === null ? "–" : dateTime(message.time)],
          ["Key", keyText(message) ?? <span className="quiet">none</span>],
          ["Size", bytes(message.size)],
        ]}
      />
      {message.headers.length > 0 && <Headers headers={message.headers} />}
      {tabs.length === 0 ? (
        <Text size="sm" className="quiet">
          It has no value: it deletes its key where the topic is compacted.
        </Text>
      ) : (
        <Tabs defaultValue={tabs[0] ?? null} keepMounted={false}>
          <Tabs.List mb="sm">
            {tabs.includes("sample") && <Tabs.Tab value="sample">Sample</Tabs.Tab>}
            {tabs.includes("json") && <Tabs.Tab value="json">JSON</Tabs.Tab>}
            {tabs.includes("text") && <Tabs.Tab value="text">Text</Tabs.Tab>}
            {tabs.includes("hex") && <Tabs.Tab value="hex">Bytes</Tabs.Tab>}
          </Tabs.List>
          {message.truncated && (
            <Text size="xs" className="quiet" mb="xs">
              It is long; the beginning is shown.
            </Text>
          )}
          <Tabs.Panel value="sample">{sample !== null && <SampleDetail sample={sample} />}</Tabs.Panel>
          <Tabs.Panel value="json">{json !== null && <Printed text={json} label="Copy JSON" />}</Tabs.Panel>
          <Tabs.Panel value="text">
            {message.value !== null && <Printed text={message.value} label="Copy text" />}
          </Tabs.Panel>
          <Tabs.Panel value="hex">
            <Printed
              text={hexOf(bytesOf(message.value_base64))}
              copied={message.value_base64 ?? ""}
              label="Copy as base64"
            />
            {message.size > 4096 && (
              <Text size="xs" className="quiet" mt={4}>
                The first 4,096 bytes.
              </Text>
            )}
          </Tabs.Panel>
        </Tabs>
      )}
    </Stack>
  );
}

function SampleDetail({ sample }: { sample: NonNullable<Message["sample"]> }) {
  if (sample.error !== null && sample.values === null)
    return (
      <Alert color="red" variant="light" title="It can't be decoded">
        {sample.error}
      </Alert>
    );
  return (
    <Stack gap="sm">
      <SampleView sample={sample} size={260} />
      {sample.error !== null && (
        <Alert color="yellow" variant="light">
          {sample.error}
        </Alert>
      )}
      <Facts
        facts={[
          ["Shape", shape(sample.shape)],
          ["Label", sample.label === null || sample.label === undefined ? undefined : JSON.stringify(sample.label)],
          ["Values", textOf(sample.values, 200)],
        ]}
      />
    </Stack>
  );
}

function Headers({ headers }: { headers: Message["headers"] }) {
  return (
    <Table fz="xs" withRowBorders={false} aria-label="Headers" layout="fixed">
      <Table.Tbody>
        {headers.map(({ name, value }, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a name may come twice, and the order stays
          <Table.Tr key={`${name} ${index}`}>
            <Table.Th scope="row" w="42%" fw={500} className="quiet" style={{ overflowWrap: "anywhere" }}>
              {name}
            </Table.Th>
            <Table.Td style={{ overflowWrap: "anywhere" }}>{value ?? "bytes"}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function Printed({ text, copied = text, label }: { text: string; copied?: string; label: string }) {
  return (
    <Group align="flex-start" wrap="nowrap" gap="xs">
      <Code block tabIndex={0} style={{ flex: 1, minWidth: 0, maxHeight: "60vh", overflow: "auto" }}>
        {text}
      </Code>
      <Copy text={copied} label={label} />
    </Group>
  );
}
