import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { type Items, itemOf, listOf, type Views } from "@/api/resources";

/** A model's name and state: from the list of the newest, else by itself. */
export function useModelItem(id: number): { model: Items["models"] | undefined; isGone: boolean } {
  const list = useInfiniteQuery(listOf("models"));
  const listed = list.data?.pages.flatMap(({ items }) => items).find((item) => item.id === id);
  const item = useQuery({ ...itemOf("models", id), enabled: !list.isPending && listed === undefined });
  return { model: listed ?? item.data, isGone: listed === undefined && item.error !== null };
}

/** Several models with what their validation said, in that order; `isComplete` once all are there. */
export function useModelViews(ids: readonly number[]) {
  return useQueries({
    queries: ids.map((id) => itemOf("models", id)),
    combine: (results) => ({
      models: results.flatMap(({ data }): Views["models"][] => (data === undefined ? [] : [data])),
      isComplete: results.every(({ isPending }) => !isPending),
      failure: results.find(({ error }) => error !== null)?.error ?? null,
    }),
  });
}
