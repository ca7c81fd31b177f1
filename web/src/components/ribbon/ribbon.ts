import type { Schemas } from "@/api/client";

export type RibbonData = Schemas["Ribbon"];
export type Part = Schemas["UsedRange"]["part"];
export type Used = Schemas["UsedRange"];
export type Stand = Schemas["Stand"];
export type Change = Schemas["ModelChange"];

/** What is drawn of one partition. */
export interface Lane {
  partition: number;
  /** What is retained: up to and without `end`. */
  start: number;
  end: number;
  /** The least and the greatest offset that anything is about. */
  from: number;
  until: number;
  used: readonly (Used & { level: number })[];
  stands: readonly Stand[];
  changes: readonly Change[];
}

/** Ranges of other data sources over the same offsets stand below each other, as many as there is room for. */
export const LEVELS = 3;

export function lanesOf(data: RibbonData): Lane[] {
  const used = grouped(data.ranges);
  const stands = grouped(data.inferences);
  const changes = grouped(data.changes);
  return data.partitions.map(({ partition, start, end }) => {
    const own = levelled(used.get(partition) ?? []);
    const places = [
      start,
      end,
      ...own.flatMap((range) => [range.start, range.end]),
      ...(stands.get(partition) ?? []).map(({ position }) => position),
    ];
    let from = start;
    let until = end;
    for (const place of places) {
      if (place < from) from = place;
      if (place > until) until = place;
    }
    return {
      partition,
      start,
      end,
      // What retention took begins at nothing, also where no range tells of it.
      from: start > 0 ? Math.min(from, 0) : from,
      until: Math.max(until, from + 1),
      used: own,
      stands: stands.get(partition) ?? [],
      changes: changes.get(partition) ?? [],
    };
  });
}

function grouped<T extends { partition: number }>(things: readonly T[]): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const thing of things) {
    const group = groups.get(thing.partition);
    if (group === undefined) groups.set(thing.partition, [thing]);
    else group.push(thing);
  }
  return groups;
}

function levelled(ranges: readonly Used[]): (Used & { level: number })[] {
  const ends: number[] = [];
  return [...ranges]
    .sort((one, other) => one.start - other.start || one.datasource_id - other.datasource_id)
    .map((range) => {
      const free = ends.findIndex((end) => end <= range.start);
      const level = Math.min(free < 0 ? ends.length : free, LEVELS - 1);
      ends[level] = Math.max(ends[level] ?? 0, range.end);
      return { ...range, level };
    });
}

export type Scale = (offset: number) => number;

/** Offsets in proportion to a width. */
export function linear(from: number, until: number, width: number): Scale {
  return (offset) => ((offset - from) / (until - from || 1)) * width;
}

/**
 * Offsets so that short pieces are seen beside long ones: between the borders of all pieces the square root of what lies there counts.
 * The order stays, and within a piece the proportion.
 */
export function compressed(borders: readonly number[], width: number): Scale {
  const places = [...new Set(borders)].sort((one, other) => one - other);
  const ends: number[] = [0];
  for (let index = 1; index < places.length; index += 1)
    ends.push((ends.at(-1) ?? 0) + Math.sqrt((places[index] ?? 0) - (places[index - 1] ?? 0)));
  const all = ends.at(-1) || 1;
  return (offset) => {
    let index = 1;
    while (index < places.length - 1 && (places[index] ?? 0) < offset) index += 1;
    const from = places[index - 1] ?? 0;
    const until = places[index] ?? from + 1;
    const part = Math.min(1, Math.max(0, (offset - from) / (until - from || 1)));
    const left = ends[index - 1] ?? 0;
    return ((left + part * ((ends[index] ?? all) - left)) / all) * width;
  };
}

export function bordersOf(lane: Lane): number[] {
  return [
    lane.from,
    lane.until,
    lane.start,
    lane.end,
    ...lane.used.flatMap(({ start, end }) => [start, end]),
    ...lane.stands.map(({ position }) => position),
  ];
}

/** Whether pieces of a lane are too short to be seen in proportion. */
export function isUneven(lanes: readonly Lane[]): boolean {
  return lanes.some((lane) => {
    const span = lane.until - lane.from;
    return (
      lane.used.some(({ start, end }) => end - start < span / 150) ||
      (lane.end > lane.start && (lane.end - lane.start) * 150 < span)
    );
  });
}

export const PART_NAMES: Record<Part, string> = {
  training: "Training",
  validation: "Validation",
  test: "Test",
  unlabelled: "Unlabelled",
};

/** Ranges of which only a part is left, or nothing. */
export function leftOf(range: Pick<Used, "start" | "end" | "deleted">): "all" | "some" | "none" {
  if (range.deleted <= 0) return "all";
  return range.deleted >= range.end - range.start ? "none" : "some";
}
