import { queryOptions } from "@tanstack/react-query";
import { getJson, type Schemas } from "@/api/client";

/** A version of a model, which never changes once it was trained. */
export function versionOf(model: number, version: number) {
  return queryOptions({
    queryKey: ["version", model, version],
    queryFn: ({ signal }) => getJson<Schemas["VersionView"]>(`/api/v1/models/${model}/versions/${version}`, {}, signal),
    staleTime: Number.POSITIVE_INFINITY,
  });
}
