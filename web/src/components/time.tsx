import { Text, Tooltip } from "@mantine/core";
import { useSyncExternalStore } from "react";
import { ago, dateTime, duration } from "./formats";

let now = Date.now();
const tellers = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

/** One clock for all times that are shown; it ticks only while there are some. */
function watchClock(tell: () => void): () => void {
  tellers.add(tell);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const teller of tellers) teller();
  }, 1000);
  return () => {
    tellers.delete(tell);
    if (tellers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Milliseconds since 1970, every second anew. */
export function useNow(): number {
  return useSyncExternalStore(watchClock, () => now);
}

/** How long ago something was; the exact time shows when it is pointed at. */
export function Ago({ time }: { time: string | null | undefined }) {
  const moment = useNow();
  if (time === null || time === undefined) return <Text span>–</Text>;
  return (
    <Tooltip label={dateTime(time)}>
      <time dateTime={time} className="numeric">
        {ago(time, moment)}
      </time>
    </Tooltip>
  );
}

/** How long something has taken, or takes already. */
export function Elapsed({ since, until }: { since: string | null; until: string | null }) {
  const moment = useNow();
  if (since === null) return <Text span>–</Text>;
  const end = until === null ? Math.max(moment, new Date(since).getTime()) : new Date(until).getTime();
  return <span className="numeric">{duration((end - new Date(since).getTime()) / 1000)}</span>;
}
