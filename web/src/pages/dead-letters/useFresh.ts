import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import { useLiveEvents } from "@/api/useLive";
import { LETTERS } from "./letters";

const GATHER_MS = 700;

/** Reads the letters again when events tell that there are new ones, or that some were sent again. */
export function useFresh(): void {
  const queries = useQueryClient();
  const counts = useRef(new Map<string, number>());
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  useLiveEvents(({ type, subject, data }) => {
    if (!isNews(type, `${subject}/${data.generation}/${data.replica}`, data.dead_letters, counts.current)) return;
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void queries.invalidateQueries({ queryKey: LETTERS });
    }, GATHER_MS);
  });
}

/** Whether an event tells of letters: a replica counts those that it wrote. */
function isNews(type: string, replica: string, letters: unknown, counts: Map<string, number>): boolean {
  if (type.startsWith("kafka-ml.dead-letter.") || type === "kafka-ml.command.rejected") return true;
  if (type !== "kafka-ml.inference.progress" || typeof letters !== "number") return false;
  const before = counts.get(replica);
  counts.set(replica, letters);
  return letters > (before ?? 0);
}
