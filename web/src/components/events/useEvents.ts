import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { getJson } from "@/api/client";
import type { LiveEvent } from "@/api/live";
import { PAGE_SIZE, type Page } from "@/api/resources";
import { useLiveEvents } from "@/api/useLive";

export interface EventFilter {
  /** Only of these types; `kafka-ml.training.*` means all that begin so. None means all. */
  types?: readonly string[];
  /** Only about these, such as `results/7`. */
  subjects?: readonly string[];
}

/** More than this at once are not kept: what was missed is read from the history. */
const MOST = 2000;
const BATCH_MS = 200;

/**
 * Events, the newest first: the history page by page, and what happens now on top of it.
 *
 * While `held`, what happens is only counted, so that nothing moves under the reader.
 */
export function useEvents(filter: EventFilter, held: boolean, size = PAGE_SIZE) {
  const { types = [], subjects = [] } = filter;
  const queries = useQueryClient();
  const name = JSON.stringify([types, subjects, size]);
  const key = useMemo(() => ["events", name] as const, [name]);
  const history = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam, signal }) =>
      getJson<Page<LiveEvent>>(
        "/api/v1/events/history",
        { type: types, subject: subjects, cursor: pageParam, limit: size },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<LiveEvent>) => page.next_cursor,
    staleTime: 0,
  });
  const [fresh, setFresh] = useState<readonly LiveEvent[]>([]);
  const [waiting, setWaiting] = useState(0);
  const buffer = useRef<LiveEvent[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);

  const take = useCallback(() => {
    const come = buffer.current;
    buffer.current = [];
    setWaiting(0);
    if (come.length >= MOST) {
      setFresh([]);
      void queries.resetQueries({ queryKey: key });
    } else if (come.length > 0) {
      setFresh((before) => [...come.toReversed(), ...before].slice(0, MOST));
    }
  }, [queries, key]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: what came for another filter is none of this list
  useEffect(() => {
    buffer.current = [];
    setFresh([]);
    setWaiting(0);
    return () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [key]);

  const isHeld = useRef(held);
  useEffect(() => {
    isHeld.current = held;
    if (!held) take();
  }, [held, take]);

  useLiveEvents((event) => {
    if (!fits(event, types, subjects)) return;
    if (buffer.current.length < MOST) buffer.current.push(event);
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      if (isHeld.current) setWaiting(buffer.current.length);
      else take();
    }, BATCH_MS);
  });

  const rows = useMemo(
    () =>
      merged(
        fresh,
        history.data?.pages.flatMap((page) => page.items),
      ),
    [fresh, history.data],
  );
  return { history, rows, waiting, take };
}

/** What is new before what was read; each once. */
function merged(
  fresh: readonly LiveEvent[],
  known: readonly LiveEvent[] | undefined,
): readonly LiveEvent[] | undefined {
  if (known === undefined) return undefined;
  if (fresh.length === 0) return known;
  const newest = known[0]?.sequence ?? -1;
  return [...fresh.filter(({ sequence }) => sequence > newest), ...known];
}

export function fits(event: LiveEvent, types: readonly string[], subjects: readonly string[]): boolean {
  if (subjects.length > 0 && !subjects.includes(event.subject)) return false;
  return (
    types.length === 0 ||
    types.some((type) => (type.endsWith("*") ? event.type.startsWith(type.slice(0, -1)) : event.type === type))
  );
}
