import { queryOptions } from "@tanstack/react-query";
import { getJson, type Schemas } from "@/api/client";
import type { Items, Page } from "@/api/resources";

/** What is under this key is read again with every change; see live.ts. */
const KEY = "overview";

export const OVERVIEW = queryOptions({
  queryKey: [KEY],
  queryFn: ({ signal }) => getJson<Schemas["Overview"]>("/api/v1/overview", {}, signal),
});

export const MOST = 8;

/** The newest of a resource in some state. */
export function inState<R extends "results" | "inferences" | "deployments">(resource: R, state: string) {
  return queryOptions({
    queryKey: [KEY, resource, state],
    queryFn: ({ signal }) => getJson<Page<Items[R]>>(`/api/v1/${resource}`, { state, limit: MOST }, signal),
  });
}
