import { Box, Group, Stack, Text, Title } from "@mantine/core";
import { IconChevronRight } from "@tabler/icons-react";
import { Link, type LinkProps } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";
import classes from "./PageHeader.module.css";

interface PageHeaderProps {
  title: string;
  /** The list that this is a page of. */
  parent?: { label: string; to: LinkProps["to"] };
  /** Beside the title, such as its state. */
  badge?: ReactNode;
  description?: ReactNode;
  actions?: ReactNode;
}

/** The head of a page; also names the browser's tab. */
export function PageHeader({ title, parent, badge, description, actions }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${title} · Kafka-ML`;
  }, [title]);
  return (
    <Stack gap={4} mb="lg">
      {parent !== undefined && (
        <Group gap={4} component="nav" aria-label="Breadcrumbs">
          <Link to={parent.to} className={classes.parent}>
            {parent.label}
          </Link>
          <IconChevronRight size={14} className="quiet" aria-hidden />
        </Group>
      )}
      <Group justify="space-between" align="flex-start" gap="sm">
        <Group gap="sm" className={classes.title ?? ""}>
          <Title order={1} size="h2">
            {title}
          </Title>
          {badge}
        </Group>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {description !== undefined && description !== "" && (
        <Box maw={780}>
          <Text className="quiet" component="div">
            {description}
          </Text>
        </Box>
      )}
    </Stack>
  );
}
