import { createContext, use, useEffect, useEffectEvent, useSyncExternalStore } from "react";
import type { Line, Live, LiveEvent } from "./live";

export const LiveContext = createContext<Live | null>(null);

function useLive(): Live {
  const live = use(LiveContext);
  if (live === null) throw new Error("There are no live updates here.");
  return live;
}

/** Whether changes arrive by themselves just now. */
export function useLine(): Line {
  const live = useLive();
  return useSyncExternalStore(live.watch, () => live.line);
}

/** Hear events as they happen. */
export function useLiveEvents(onEvent: (event: LiveEvent) => void): void {
  const live = useLive();
  const handle = useEffectEvent(onEvent);
  useEffect(() => live.subscribe((event) => handle(event)), [live]);
}
