import { queryOptions } from "@tanstack/react-query";
import { getJson, type Schemas } from "@/api/client";

export type Message = Schemas["TopicMessage"];
export type Messages = Schemas["TopicMessages"];

/** Where to look into a topic: the newest, before or from an offset of a partition, or from a time on. */
export interface Place {
  partition?: number | undefined;
  offset?: number | undefined;
  before?: number | undefined;
  /** RFC 3339. */
  time?: string | undefined;
}

/** As what messages are decoded, besides text and JSON. */
export interface Decoding {
  datasource_id?: number | undefined;
  inference_id?: number | undefined;
}

export const PAGE = 50;

export function readMessages(topic: string, query: Place & Decoding & { limit?: number }, signal?: AbortSignal) {
  return getJson<Messages>(`/api/v1/topics/${encodeURIComponent(topic)}/messages`, { limit: PAGE, ...query }, signal);
}

/** One message by its place; null if retention has taken it. */
export function messageAt(topic: string, partition: number, offset: number, decoding: Decoding = {}) {
  return queryOptions({
    queryKey: ["messages", topic, "one", partition, offset, decoding],
    queryFn: async ({ signal }) => {
      const { messages } = await readMessages(topic, { partition, offset, ...decoding, limit: 1 }, signal);
      return messages.find((message) => message.offset === offset) ?? null;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
}
