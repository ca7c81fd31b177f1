import type { Schemas } from "@/api/client";

export interface Range {
  topic: string;
  partition: number;
  start: number;
  end: number;
  labelled: boolean;
}

type Stream = Pick<Schemas["ControlMessage"], "topic" | "incremental" | "unsupervised_topic">;
export type Held = readonly { partition: number; start: number; end: number }[];

/** The topic that a stream is read from as it grows; null for one that was sent in full. */
export function liveTopic(stream: Stream): string | null {
  return stream.incremental && !stream.topic.includes(":") ? stream.topic : null;
}

/** Where a stream's messages lie; nothing for one that is read as it grows. */
export function rangesOf(stream: Stream): Range[] {
  const labelled = liveTopic(stream) === null ? parsed(stream.topic, true) : [];
  return [...labelled, ...parsed(stream.unsupervised_topic ?? "", false)];
}

function parsed(text: string, labelled: boolean): Range[] {
  return text.split(",").flatMap((range) => {
    const [topic = "", partition, start, end] = range.trim().split(":");
    const found = { topic, partition: Number(partition), start: Number(start), end: Number(end), labelled };
    return end === undefined ? [] : [found];
  });
}

/** The topics of a stream, each once. */
export function topicsOf(stream: Stream): string[] {
  const live = liveTopic(stream);
  return [...new Set([...(live === null ? [] : [live]), ...rangesOf(stream).map(({ topic }) => topic)])];
}

/** How many of a range's offsets retention has deleted; all of them where the partition is gone. */
export function deletedOf(range: Range, held: Held): number {
  const partition = held.find((one) => one.partition === range.partition);
  const size = range.end - range.start;
  if (partition === undefined) return size;
  return Math.min(size, Math.max(0, partition.start - range.start));
}

/** How many offsets some ranges have, and how many of those are gone; null while not all topics are known. */
export function retention(
  ranges: readonly Range[],
  held: ReadonlyMap<string, Held>,
): { size: number; deleted: number } | null {
  let size = 0;
  let deleted = 0;
  for (const range of ranges) {
    const partitions = held.get(range.topic);
    if (partitions === undefined) return null;
    size += range.end - range.start;
    deleted += deletedOf(range, partitions);
  }
  return { size, deleted };
}
