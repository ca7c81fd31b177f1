import { notifications } from "@mantine/notifications";
import { type UseMutationResult, useMutation } from "@tanstack/react-query";
import { wordsOf } from "./states";

interface ActionOptions<V, T> {
  /** What could not be done when it fails, as a sentence. */
  failure: string;
  /** What is said when it is done; nothing if left out. */
  done?: (data: T, variables: V) => string;
  onDone?: (data: T, variables: V) => void;
}

/** Something that changes the server's state; failures are told in a notification. */
export function useAction<V, T>(
  run: (variables: V) => Promise<T>,
  { failure, done, onDone }: ActionOptions<V, T>,
): UseMutationResult<T, Error, V> {
  return useMutation({
    mutationFn: run,
    onSuccess: (data, variables) => {
      if (done !== undefined) notifications.show({ message: done(data, variables), color: "teal" });
      onDone?.(data, variables);
    },
    onError: (error) => tellFailure(failure, error),
  });
}

/** A failure as a notification that stays until it is closed. */
export function tellFailure(title: string, error: unknown): void {
  const { message, advice } = wordsOf(error);
  notifications.show({
    title,
    message: advice === null ? message : `${message} ${advice}`,
    color: "red",
    autoClose: 12_000,
  });
}

/** How many of several things could be done, and why the first of the others could not. */
export async function forEach<T>(
  things: readonly T[],
  run: (thing: T) => Promise<unknown>,
): Promise<{ done: number; failures: unknown[] }> {
  const failures: unknown[] = [];
  let done = 0;
  for (const thing of things) {
    try {
      await run(thing);
      done += 1;
    } catch (error) {
      failures.push(error);
    }
  }
  return { done, failures };
}
