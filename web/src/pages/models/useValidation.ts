import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { api, type Schemas, unwrap } from "@/api/client";
import { useLiveEvents } from "@/api/useLive";

const PAUSE_MS = 700;

interface Asked {
  code: string;
  id: number;
}

export interface Validation {
  /** What the last validation said, while a newer one is under way: of earlier code. */
  view: Schemas["DraftView"] | null;
  /** Whether the code that is there now has an outcome yet. */
  isCurrent: boolean;
  /** Why it could not be asked for. */
  error: unknown;
}

const key = (id: number | null) => ["validations", id] as const;

/**
 * Validates code while it is being written: a moment after the last key, and giving up what was asked before. The outcome is told by an
 * event. Nothing is asked for while the code is null.
 */
export function useValidation(code: string | null): Validation {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [last, setLast] = useState<Schemas["DraftView"] | null>(null);
  // One after another, so that each knows which one it takes the place of.
  const turn = useRef<Promise<number | null>>(Promise.resolve(null));

  useEffect(() => {
    if (code === null || code.trim() === "") return;
    let isOver = false;
    const ask = async (before: number | null): Promise<number | null> => {
      if (isOver) return before;
      try {
        const body = { code, ...(before === null ? {} : { supersedes: before }) };
        const view = await unwrap(api.POST("/api/v1/validations", { body }));
        if (view.state !== "validating") queries.setQueryData(key(view.id), view);
        if (!isOver) {
          setError(null);
          setAsked({ code, id: view.id });
        }
        return view.id;
      } catch (failure) {
        if (!isOver) setError(failure);
        return before;
      }
    };
    const timer = setTimeout(() => {
      turn.current = turn.current.then(ask);
    }, PAUSE_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [code, queries]);

  const id = asked?.id ?? null;
  // Read once as soon as it is known, in case its event came before the answer.
  const query = useQuery({
    queryKey: key(id),
    queryFn: ({ signal }) => unwrap(api.GET("/api/v1/validations/{id}", { params: { path: { id: id ?? 0 } }, signal })),
    enabled: id !== null,
  });
  useLiveEvents((event) => {
    if (event.subject === `validations/${id}`) void queries.invalidateQueries({ queryKey: key(id) });
  });

  const view = query.data ?? null;
  if (view !== null && view.state !== "validating" && view.id !== last?.id) setLast(view);
  const isCurrent = asked !== null && asked.code === code && view !== null && view.state !== "validating";
  const waiting = asked?.code === code && view?.state === "validating" && view.failure !== null ? view : null;
  const failure = error ?? (view === null ? query.error : null);
  return { view: failure !== null ? null : isCurrent ? view : (waiting ?? last), isCurrent, error: failure };
}
