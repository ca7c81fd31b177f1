import { useQuery } from "@tanstack/react-query";
import { type Items, itemOf } from "@/api/resources";

/** What a result's model was trained on; undefined while it is not known, null if it can't be known. */
export function useTrainingStream(result: Items["results"] | undefined): Items["datasources"] | null | undefined {
  const deployment = useQuery({
    ...itemOf("deployments", result?.deployment_id ?? 0),
    enabled: result !== undefined,
  });
  const id = deployment.data?.datasource_id ?? null;
  const source = useQuery({ ...itemOf("datasources", id ?? 0), enabled: id !== null });
  if (result === undefined) return undefined;
  if (deployment.error !== null || source.error !== null) return null;
  if (deployment.data !== undefined && id === null) return null;
  return source.data;
}
