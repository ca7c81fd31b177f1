import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, getJson, type Schemas, unwrap } from "@/api/client";
import { PAGE_SIZE, type Page } from "@/api/resources";

export type Letter = Schemas["DeadLetterView"];
export const LETTERS = ["dead-letters"] as const;

export interface LetterFilter {
  topic?: string;
  service?: string;
}

export function lettersOf({ topic, service }: LetterFilter) {
  return infiniteQueryOptions({
    queryKey: [...LETTERS, "list", topic ?? "", service ?? ""],
    queryFn: ({ pageParam, signal }) =>
      getJson<Page<Letter>>("/api/v1/dead-letters", { topic, service, cursor: pageParam, limit: PAGE_SIZE }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<Letter>) => page.next_cursor,
    refetchOnWindowFocus: "always",
  });
}

/** A letter by its name in the address, `partition:offset`. */
export function letterOf(name: string) {
  const [partition = "", offset = ""] = name.split(":");
  return queryOptions({
    queryKey: [...LETTERS, "item", name],
    queryFn: ({ signal }) =>
      getJson<Letter>(
        `/api/v1/dead-letters/${encodeURIComponent(partition)}/${encodeURIComponent(offset)}`,
        {},
        signal,
      ),
  });
}

export function resend({ partition, offset }: Letter, value: string | null): Promise<Schemas["Resent"]> {
  return unwrap(
    api.POST("/api/v1/dead-letters/{partition}/{offset}/resend", {
      params: { path: { partition, offset } },
      body: value === null ? {} : { value_base64: value },
    }),
  );
}
