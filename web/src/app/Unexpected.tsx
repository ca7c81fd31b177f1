import { Button, Code, Stack } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ErrorComponentProps } from "@tanstack/react-router";
import { EmptyState, wordsOf } from "@/components/states";

/** What is shown when a page itself fails: a bug, or a newer version of the UI whose parts the server no longer has. */
export function Unexpected({ error }: ErrorComponentProps) {
  return (
    <EmptyState
      icon={IconAlertTriangle}
      title="This page has failed"
      text="It may be of an older version than the server: load it again."
      action={
        <Stack align="center">
          <Button onClick={() => window.location.reload()}>Load again</Button>
          <Code block>{wordsOf(error).message}</Code>
        </Stack>
      }
    />
  );
}
