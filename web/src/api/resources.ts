import { type InfiniteData, infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { getJson, type Schemas } from "./client";
import type { paths } from "./schema";

/** What a list shows of each resource. */
export interface Items {
  models: Schemas["ModelItem"];
  configurations: Schemas["ConfigurationView"];
  deployments: Schemas["DeploymentView"];
  results: Schemas["ResultView"];
  datasources: Schemas["DatasourceView"];
  inferences: Schemas["InferenceView"];
}

/** What is shown of one. */
export interface Views extends Items {
  models: Schemas["ModelView"];
}

export type Resource = keyof Items;
export const RESOURCES: readonly Resource[] = [
  "models",
  "configurations",
  "deployments",
  "results",
  "datasources",
  "inferences",
];

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export type Pages<T> = InfiniteData<Page<T>, string | null>;

type QueryOf<P extends keyof paths> = paths[P] extends { get: { parameters: { query?: infer Q } } }
  ? Omit<NonNullable<Q>, "cursor" | "limit">
  : never;

/** How a resource's list can be filtered and sorted. */
export type ListQuery<R extends Resource> = QueryOf<`/api/v1/${R}`>;

export const PAGE_SIZE = 100;

/**
 * Keys of the query cache: `[resource, "list", query]`, `[resource, "item", id]`, and `[resource, "of", id, ...]` for what hangs on one.
 * Live updates find by them what an event makes stale; see live.ts.
 */
export const keys = {
  all: (resource: Resource) => [resource] as const,
  lists: (resource: Resource) => [resource, "list"] as const,
  list: (resource: Resource, query: object) => [resource, "list", query] as const,
  item: (resource: Resource, id: number) => [resource, "item", id] as const,
  of: (resource: Resource, id: number, ...parts: readonly unknown[]) => [resource, "of", id, ...parts] as const,
};

/** A list, page by page. */
export function listOf<R extends Resource>(resource: R, query: ListQuery<R> = {} as ListQuery<R>) {
  return infiniteQueryOptions({
    queryKey: keys.list(resource, query),
    queryFn: ({ pageParam, signal }) =>
      getJson<Page<Items[R]>>(`/api/v1/${resource}`, { ...query, cursor: pageParam, limit: PAGE_SIZE }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page: Page<Items[R]>) => page.next_cursor,
  });
}

/** One thing by its id. */
export function itemOf<R extends Resource>(resource: R, id: number) {
  return queryOptions({
    queryKey: keys.item(resource, id),
    queryFn: ({ signal }) => getJson<Views[R]>(`/api/v1/${resource}/${id}`, {}, signal),
  });
}

/** Something that hangs on one resource, such as a result's curves: `GET /api/v1/{resource}/{id}/{path}`. */
export function partOf<T>(resource: Resource, id: number, path: string, query: Record<string, unknown> = {}) {
  return queryOptions({
    queryKey: keys.of(resource, id, path, query),
    queryFn: ({ signal }) => getJson<T>(`/api/v1/${resource}/${id}/${path}`, query, signal),
  });
}
