import { Alert, Code, Spoiler, Stack, Text } from "@mantine/core";
import { IconAlertCircle, IconHourglass } from "@tabler/icons-react";
import type { Schemas } from "@/api/client";

interface FailureNoticeProps {
  failure: Schemas["Failure"];
  title?: string;
  /** Whether it only waits and may go on by itself. */
  waiting?: boolean;
}

/** Why something failed or waits: the reason, the user's part of the traceback, and the last lines that were printed. */
export function FailureNotice({ failure, title, waiting = false }: FailureNoticeProps) {
  const heading = title ?? (waiting ? "It waits" : "It failed");
  return (
    <Alert
      color={waiting ? "yellow" : "red"}
      variant="light"
      title={heading}
      styles={{ body: { minWidth: 0 } }}
      icon={waiting ? <IconHourglass size={18} /> : <IconAlertCircle size={18} />}
    >
      <Stack gap="sm">
        <Text size="sm">
          {failure.message}
          {failure.line !== null && failure.line !== undefined && ` (line ${failure.line} of the model's code)`}
        </Text>
        <Printed label="Traceback" text={failure.traceback} />
        <Printed label="Last lines that it printed" text={failure.log} />
        <Text size="xs" className="quiet">
          Reason: <Code>{failure.code}</Code>
        </Text>
      </Stack>
    </Alert>
  );
}

function Printed({ label, text }: { label: string; text: string | null | undefined }) {
  if (text === null || text === undefined || text.trim() === "") return null;
  return (
    <Stack gap={4}>
      <Text size="xs" fw={600}>
        {label}
      </Text>
      <Spoiler maxHeight={180} showLabel="Show all" hideLabel="Show less">
        <Code block tabIndex={0} aria-label={label}>
          {text}
        </Code>
      </Spoiler>
    </Stack>
  );
}
