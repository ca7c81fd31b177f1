import { Group, Paper, Stack, Title } from "@mantine/core";
import type { ReactNode } from "react";

interface SectionProps {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
  id?: string;
}

/** A part of a page with a heading. */
export function Section({ title, actions, children, id }: SectionProps) {
  return (
    <Paper component="section" p="md" className="surface" aria-label={title} {...(id === undefined ? {} : { id })}>
      <Stack gap="md">
        <Group justify="space-between" gap="xs">
          <Title order={2} size="h5">
            {title}
          </Title>
          {actions}
        </Group>
        {children}
      </Stack>
    </Paper>
  );
}
