import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { getJson, ProblemError, type Schemas } from "@/api/client";
import { type Held, rangesOf, retention, topicsOf } from "./ranges";

type Stream = Schemas["ControlMessage"];

/** What the topics of a stream still hold, by topic; nothing in one that is gone. */
export function useHeld(stream: Stream): ReadonlyMap<string, Held> {
  const topics = topicsOf(stream);
  const found = useQueries({
    queries: topics.map((name) => ({
      queryKey: ["topics", name, "held"],
      queryFn: ({ signal }: { signal: AbortSignal }) => held(name, signal),
    })),
  });
  const known = JSON.stringify(found.map(({ data }) => data));
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is known stands for what was found
  return useMemo(() => {
    const map = new Map<string, Held>();
    topics.forEach((name, index) => {
      const data = found[index]?.data;
      if (data !== undefined) map.set(name, data);
    });
    return map;
  }, [known]);
}

export function useRetention(stream: Stream): { size: number; deleted: number } | null {
  return retention(rangesOf(stream), useHeld(stream));
}

async function held(name: string, signal: AbortSignal): Promise<Held> {
  try {
    return (await getJson<Schemas["TopicDetail"]>(`/api/v1/topics/${encodeURIComponent(name)}`, {}, signal)).partitions;
  } catch (error) {
    if (error instanceof ProblemError && error.status === 404) return [];
    throw error;
  }
}
