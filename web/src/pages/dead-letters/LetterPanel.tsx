import { Badge, CloseButton, Code, Divider, Group, Stack, Table, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ProblemError } from "@/api/client";
import { Facts } from "@/components/Facts";
import { count } from "@/components/formats";
import { LinkAnchor } from "@/components/links";
import { Loaded } from "@/components/states";
import { Ago } from "@/components/time";
import { Attempt } from "./Attempt";
import { fromBase64 } from "./bytes";
import { Correct } from "./Correct";
import { type Letter, letterOf } from "./letters";
import classes from "./letters.module.css";
import { ValueView } from "./ValueView";
import { inferenceOf, sentText, serviceText, titleOf } from "./words";

/** One dead letter: why, from where, what it is, and sending it again. It has a head of its own where it can be closed. */
export function LetterPanel({ name, onClose }: { name: string; onClose?: () => void }) {
  const letter = useQuery(letterOf(name));
  return (
    <section aria-label="Dead letter" className={classes.panel}>
      {onClose !== undefined && (
        <Group justify="space-between" wrap="nowrap" mb="sm">
          <Title order={2} size="h5">
            {titleOf(name)}
          </Title>
          <CloseButton aria-label="Close the dead letter" onClick={onClose} />
        </Group>
      )}
      {letter.error instanceof ProblemError && letter.error.status === 404 ? (
        <Text size="sm" className="quiet" role="status">
          There is no such dead letter, or it is no longer kept.
        </Text>
      ) : (
        <Loaded query={letter} failure="The dead letter can't be shown">
          {(data) => <Shown key={name} letter={data} />}
        </Loaded>
      )}
    </section>
  );
}

const NOTHING = new Uint8Array();

function Shown({ letter }: { letter: Letter }) {
  const { origin, value_base64, key_base64 } = letter;
  const value = useMemo(() => (value_base64 === null ? NOTHING : fromBase64(value_base64)), [value_base64]);
  const key = useMemo(() => (key_base64 === null ? null : fromBase64(key_base64)), [key_base64]);
  const inference = inferenceOf(letter);
  return (
    <Stack gap="md">
      <div className={classes.reason}>
        <Text size="sm">{letter.message}</Text>
        <Text size="xs" className="quiet">
          Reason: <Code>{letter.reason}</Code>
        </Text>
      </div>
      <Facts
        facts={[
          [
            "Message",
            origin === null ? (
              "not known"
            ) : (
              <LinkAnchor
                key="origin"
                to="/topics/$name"
                params={{ name: origin.topic }}
                search={{ tab: "messages", partition: String(origin.partition), offset: String(origin.offset) }}
                size="sm"
              >
                {count(origin.offset)} in partition {origin.partition} of {origin.topic}
              </LinkAnchor>
            ),
          ],
          [
            "Given up by",
            inference === null ? (
              serviceText(letter)
            ) : (
              <LinkAnchor key="service" to="/inferences/$id" params={{ id: inference }} size="sm">
                {serviceText(letter)}
              </LinkAnchor>
            ),
          ],
          ["When", <Ago key="time" time={letter.time} />],
          ["Sent again", sentText(letter)],
        ]}
      />
      {letter.cut && (
        <Badge color="yellow" variant="light" radius="sm" tt="none" className={classes.cut ?? ""}>
          Too long to be kept whole
        </Badge>
      )}
      <ValueView label="Value" bytes={value} total={letter.size} />
      {key === null ? (
        <Text size="sm" className="quiet">
          It has no key.
        </Text>
      ) : (
        <ValueView label="Key" bytes={key} total={key.length} />
      )}
      <Headers letter={letter} />
      {inference !== null && origin !== null && <Attempt origin={origin} inference={inference} />}
      <Divider />
      <Stack gap="sm">
        <Title order={3} size="h6">
          Correct and send again
        </Title>
        <Correct letter={letter} bytes={value} />
      </Stack>
    </Stack>
  );
}

function Headers({ letter: { headers } }: { letter: Letter }) {
  if (headers.length === 0) return null;
  return (
    <Stack gap={4}>
      <Text size="sm" fw={600}>
        Headers
      </Text>
      <Table verticalSpacing={4} aria-label="Headers" className={classes.headers ?? ""}>
        <Table.Tbody>
          {headers.map(({ name, value }, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a message may have a header twice
            <Table.Tr key={index}>
              <Table.Th scope="row" fw={500}>
                {name}
              </Table.Th>
              <Table.Td>{value ?? <span className="quiet">no text</span>}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Stack>
  );
}
