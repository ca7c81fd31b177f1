import { Alert, Button, Group, Skeleton, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { IconAlertTriangle, IconRefresh, type TablerIcon } from "@tabler/icons-react";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ProblemError } from "@/api/client";
import { NotFound } from "@/app/NotFound";

interface EmptyStateProps {
  icon: TablerIcon;
  title: string;
  text?: ReactNode;
  action?: ReactNode;
}

/** What is shown where there is nothing: what would be here, and how to get it. */
export function EmptyState({ icon: Icon, title, text, action }: EmptyStateProps) {
  return (
    <Stack align="center" gap="sm" py={64} px="md" ta="center">
      <ThemeIcon size={56} radius="xl" variant="light" aria-hidden>
        <Icon size={28} stroke={1.5} />
      </ThemeIcon>
      <Title order={2} size="h4">
        {title}
      </Title>
      {text !== undefined && (
        <Text className="quiet" maw={520} component="div">
          {text}
        </Text>
      )}
      {action}
    </Stack>
  );
}

interface ErrorNoticeProps {
  error: unknown;
  /** What could not be done, such as "The models can't be shown". */
  title: string;
  onRetry?: (() => void) | undefined;
}

/** What went wrong, with what to do about it. */
export function ErrorNotice({ error, title, onRetry }: ErrorNoticeProps) {
  const { message, advice } = wordsOf(error);
  return (
    <Alert color="red" variant="light" icon={<IconAlertTriangle size={18} />} title={title} role="alert">
      <Stack gap="xs" align="flex-start">
        <Text size="sm">{message}</Text>
        {advice !== null && <Text size="sm">{advice}</Text>}
        {onRetry !== undefined && (
          <Button size="xs" variant="default" leftSection={<IconRefresh size={14} />} onClick={onRetry}>
            Try again
          </Button>
        )}
      </Stack>
    </Alert>
  );
}

/** An error in words: what happened, and what to do about it. */
export function wordsOf(error: unknown): { message: string; advice: string | null } {
  if (error instanceof ProblemError) return { message: error.message, advice: error.advice };
  return { message: error instanceof Error ? error.message : String(error), advice: null };
}

/** The shape of a page that is on its way. */
export function Loading({ rows = 6 }: { rows?: number }) {
  return (
    <Stack gap="sm" aria-busy="true" aria-label="Loading">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all the same
        <Skeleton key={row} height={row === 0 ? 32 : 44} radius="md" />
      ))}
    </Stack>
  );
}

interface LoadedProps<T> {
  query: UseQueryResult<T>;
  /** What can't be shown when it fails, as a sentence. */
  failure: string;
  rows?: number;
  children: (data: T) => ReactNode;
}

/** What a query has found; until then its shape, and instead of it the page for what is missing, or what went wrong. */
export function Loaded<T>({ query, failure, rows, children }: LoadedProps<T>) {
  if (query.data !== undefined && !isMissing(query.error)) {
    return (
      <>
        {query.error !== null && (
          <Group mb="md">
            <ErrorNotice error={query.error} title="What is shown may be old" onRetry={() => void query.refetch()} />
          </Group>
        )}
        {children(query.data)}
      </>
    );
  }
  if (isMissing(query.error)) return <NotFound />;
  if (query.error !== null)
    return <ErrorNotice error={query.error} title={failure} onRetry={() => void query.refetch()} />;
  return <Loading {...(rows === undefined ? {} : { rows })} />;
}

function isMissing(error: unknown): boolean {
  return error instanceof ProblemError && (error.status === 404 || error.status === 422);
}
