import { useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "@/api/client";
import { type Items, keys } from "@/api/resources";
import { forEach, tellFailure } from "@/components/actions";
import { useConfirm } from "@/components/confirm";
import { plural } from "@/components/formats";

type Inference = Items["inferences"];

export function isGoing({ state }: Pick<Inference, "state">): boolean {
  return state === "pending" || state === "running";
}

/** Paused is what the API calls running with no replicas. */
export function stateOf({ state, replicas }: Pick<Inference, "state" | "replicas">): string {
  return isGoing({ state }) && replicas === 0 ? "paused" : state;
}

function named(inferences: readonly Inference[]): string {
  const [first] = inferences;
  return inferences.length === 1 && first !== undefined
    ? `inference ${first.id} of ${first.model_name}`
    : plural(inferences.length, "inference");
}

/** Stops inferences after asking; whether all were. */
export function useStopInferences(): (inferences: readonly Inference[]) => Promise<boolean> {
  const confirm = useConfirm();
  return async (inferences) => {
    const yes = await confirm({
      title: `Stop ${named(inferences)}?`,
      text: "What was read is predicted and written, and nothing more. It can't be started again; to go on later, pause it instead.",
      action: "Stop",
    });
    if (!yes) return false;
    const { failures } = await forEach(inferences, ({ id }) =>
      unwrap(api.POST("/api/v1/inferences/{id}/stop", { params: { path: { id } } })),
    );
    if (failures.length > 0) tellFailure(`${plural(failures.length, "inference")} could not be stopped`, failures[0]);
    return failures.length === 0;
  };
}

/** Deletes inferences after asking; whether nothing is left of them. */
export function useDeleteInferences(): (inferences: readonly Inference[]) => Promise<boolean> {
  const confirm = useConfirm();
  const queries = useQueryClient();
  return async (inferences) => {
    const yes = await confirm({
      title: `Delete ${named(inferences)}?`,
      text: "Its settings and counts are deleted. Topics, messages and the trained model stay.",
      action: "Delete",
    });
    if (!yes) return false;
    const { done, failures } = await forEach(inferences, ({ id }) =>
      unwrap(api.DELETE("/api/v1/inferences/{id}", { params: { path: { id } } })),
    );
    if (done > 0) void queries.invalidateQueries({ queryKey: keys.lists("inferences") });
    if (failures.length > 0) tellFailure(`${plural(failures.length, "inference")} could not be deleted`, failures[0]);
    return failures.length === 0;
  };
}
