import { ActionIcon, Box, Code, CopyButton, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";

/** Text to copy, such as a program. */
export function Snippet({ text, label }: { text: string; label: string }) {
  return (
    <Box pos="relative">
      <Code block aria-label={label} tabIndex={0} p="md" pr={48} fz="sm">
        {text}
      </Code>
      <Box pos="absolute" top={8} right={8}>
        <Copy text={text} label={`Copy ${label}`} />
      </Box>
    </Box>
  );
}

export function Copy({ text, label }: { text: string; label: string }) {
  return (
    <CopyButton value={text} timeout={1500}>
      {({ copied, copy }) => (
        <Tooltip label={copied ? "Copied" : label}>
          <ActionIcon variant="default" onClick={copy} aria-label={label}>
            {copied ? <IconCheck size={16} /> : <IconCopy size={16} />}
          </ActionIcon>
        </Tooltip>
      )}
    </CopyButton>
  );
}
