import { Alert, Anchor, Button, Group, List, Loader, Modal, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { createContext, type ReactNode, use, useCallback, useRef, useState } from "react";
import { ErrorNotice } from "./states";

/** Something that depends on what is to be changed: a link to it in words. */
export interface Dependent {
  label: string;
  href: string;
}

export interface Question {
  title: string;
  text: ReactNode;
  /** What the button that does it says. */
  action: string;
  /** Finds out what depends on it, while the question is being read. */
  dependents?: () => Promise<readonly Dependent[]>;
  /** What becomes of those: whether they stand in the way, and words for it. */
  dependentsText?: string;
  blocked?: boolean;
}

type Ask = (question: Question) => Promise<boolean>;

const ConfirmContext = createContext<Ask | null>(null);

/** Asks before something is done that can't be taken back: `if (await confirm({...})) ...`. */
export function useConfirm(): Ask {
  const ask = use(ConfirmContext);
  if (ask === null) throw new Error("Nothing can be asked here.");
  return ask;
}

export function ConfirmProvider({ children }: { children: ReactNode }) {
  const [question, setQuestion] = useState<Question | null>(null);
  const [opened, setOpened] = useState(false);
  const answer = useRef<(yes: boolean) => void>(() => undefined);

  const ask = useCallback<Ask>((asked) => {
    setQuestion(asked);
    setOpened(true);
    return new Promise((resolve) => {
      answer.current = resolve;
    });
  }, []);
  const give = (yes: boolean) => {
    setOpened(false);
    answer.current(yes);
  };

  return (
    <ConfirmContext value={ask}>
      {children}
      <Modal opened={opened} onClose={() => give(false)} title={question?.title} transitionProps={{ duration: 120 }}>
        {question !== null && <Body question={question} onAnswer={give} />}
      </Modal>
    </ConfirmContext>
  );
}

function Body({ question, onAnswer }: { question: Question; onAnswer: (yes: boolean) => void }) {
  const { dependents, dependentsText = "These depend on it:", blocked = false } = question;
  const found = useQuery({
    queryKey: ["dependents", question.title],
    queryFn: () => dependents?.() ?? [],
    enabled: dependents !== undefined,
    gcTime: 0,
    staleTime: 0,
  });
  const some = (found.data ?? []).length > 0;
  return (
    <Stack>
      <Text size="sm" component="div">
        {question.text}
      </Text>
      {found.isLoading && <Loader size="sm" aria-label="Looking for what depends on it" />}
      {found.error !== null && <ErrorNotice error={found.error} title="What depends on it could not be found out" />}
      {some && (
        <Alert color={blocked ? "red" : "yellow"} variant="light" title={dependentsText}>
          <List size="sm">
            {found.data?.slice(0, 20).map(({ label, href }) => (
              <List.Item key={href}>
                <Anchor href={href} size="sm">
                  {label}
                </Anchor>
              </List.Item>
            ))}
            {(found.data?.length ?? 0) > 20 && <List.Item>and {(found.data?.length ?? 0) - 20} more</List.Item>}
          </List>
        </Alert>
      )}
      <Group justify="flex-end">
        <Button variant="default" onClick={() => onAnswer(false)} data-autofocus>
          Cancel
        </Button>
        <Button color="red" onClick={() => onAnswer(true)} disabled={found.isLoading || (blocked && some)}>
          {question.action}
        </Button>
      </Group>
    </Stack>
  );
}
