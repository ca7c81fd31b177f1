import type { Message } from "./read";

/** So many messages stay at most; beyond them, what is farthest away from what was read last goes. */
export const MOST = 2000;

/** The newest on top of what is known. If they don't meet, what lies between was not read, and only the newest stay. */
export function withNewest(known: readonly Message[], newest: readonly Message[]): readonly Message[] {
  if (newest.length === 0) return known;
  const names = new Set(known.map(nameOf));
  const fresh = newest.filter((message) => !names.has(nameOf(message)));
  if (fresh.length === 0) return known;
  if (fresh.length === newest.length) return newest;
  return [...fresh, ...known].slice(0, MOST);
}

export function nameOf({ partition, offset }: Pick<Message, "partition" | "offset">): string {
  return `${partition}:${offset}`;
}
