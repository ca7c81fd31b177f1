import { Alert, Button, Group, SegmentedControl, Stack, Text, Textarea } from "@mantine/core";
import { IconSend } from "@tabler/icons-react";
import { useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { useAction } from "@/components/actions";
import { useConfirm } from "@/components/confirm";
import { count, bytes as size } from "@/components/formats";
import { ErrorNotice } from "@/components/states";
import { type Form, read, toBase64, written } from "./bytes";
import { LETTERS, type Letter, resend } from "./letters";
import { sentText } from "./words";

type Choice = "same" | Form;

/** Sends a letter's message again, as it was or corrected. */
export function Correct({ letter, bytes }: { letter: Letter; bytes: Uint8Array }) {
  const isAllThere = bytes.length === letter.size;
  const [choice, setChoice] = useState<Choice>(letter.cut ? "base64" : "same");
  const [text, setText] = useState("");
  const confirm = useConfirm();
  const queries = useQueryClient();
  const send = useAction((value: string | null) => resend(letter, value), {
    failure: "It could not be sent again",
    done: ({ topic, partition, offset }) => `It is message ${count(offset)} in partition ${partition} of ${topic}.`,
    onDone: () => void queries.invalidateQueries({ queryKey: LETTERS }),
  });
  const answer = useMemo(() => (choice === "same" ? null : read(text, choice)), [text, choice]);
  const problem = answer !== null && "error" in answer ? answer.error : null;
  const choose = (next: Choice) => {
    if (next !== "same") {
      const before = answer !== null && "bytes" in answer ? answer.bytes : isAllThere ? bytes : new Uint8Array();
      setText(written(before, next) ?? written(isAllThere ? bytes : new Uint8Array(), next) ?? "");
    }
    setChoice(next);
  };
  const { origin } = letter;
  if (origin === null)
    return <Alert color="gray">It can't be sent again: it does not say where its message was.</Alert>;
  const ask = async () => {
    const yes = await confirm({
      title: "Send it again?",
      text: (
        <Stack gap="xs">
          <span>
            {choice === "same"
              ? "The message as it was"
              : "The corrected value, with the message's own key and headers,"}{" "}
            is written at the end of partition {origin.partition} of {origin.topic}, for all who read that topic.
          </span>
          {letter.resent > 0 && <span>It was sent again before: {sentText(letter)}.</span>}
          <span>The dead letter stays here, marked as sent.</span>
        </Stack>
      ),
      action: "Send again",
    });
    if (yes) send.mutate(answer !== null && "bytes" in answer ? toBase64(answer.bytes) : null);
  };
  return (
    <Stack gap="sm">
      <SegmentedControl
        size="xs"
        aria-label="What is sent"
        value={choice}
        onChange={(next) => choose(next as Choice)}
        data={[
          { value: "same", label: "As it was", disabled: letter.cut },
          { value: "text", label: "Text" },
          { value: "json", label: "JSON" },
          { value: "base64", label: "Base64" },
          { value: "hex", label: "Hex" },
        ]}
      />
      {letter.cut && (
        <Text size="xs" className="quiet">
          The letter has not all of the message, so it can be sent again only with a whole value.
        </Text>
      )}
      {choice !== "same" && (
        <Textarea
          label="The value to send"
          value={text}
          onChange={(event) => setText(event.currentTarget.value)}
          error={text === "" ? null : problem}
          autosize
          minRows={4}
          maxRows={16}
          spellCheck={false}
          styles={{ input: { fontFamily: "var(--mantine-font-family-monospace)", fontSize: 13 } }}
        />
      )}
      {send.error !== null && <ErrorNotice error={send.error} title="It could not be sent again" />}
      <Group justify="space-between">
        <Text size="xs" className="quiet numeric">
          {choice === "same"
            ? size(letter.size)
            : answer !== null && "bytes" in answer
              ? size(answer.bytes.length)
              : ""}
        </Text>
        <Button
          leftSection={<IconSend size={16} />}
          disabled={problem !== null || (letter.cut && text === "")}
          loading={send.isPending}
          onClick={() => void ask()}
        >
          Send again
        </Button>
      </Group>
    </Stack>
  );
}
