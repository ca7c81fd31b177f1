import { useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "@/api/client";
import { type Items, keys } from "@/api/resources";
import { forEach, tellFailure } from "@/components/actions";
import { useConfirm } from "@/components/confirm";
import { plural } from "@/components/formats";
import { dependentInferences } from "@/pages/results/actions";

type Deployment = Items["deployments"];

export function mayStop({ state }: Deployment): boolean {
  return state === "awaiting" || state === "running";
}

export function mayDelete({ state }: Deployment): boolean {
  return state === "finished" || state === "failed" || state === "stopped";
}

function named(deployments: readonly Deployment[]): string {
  const [first] = deployments;
  return deployments.length === 1 && first !== undefined
    ? `deployment ${first.id} of ${first.configuration_name}`
    : plural(deployments.length, "deployment");
}

/** Stops deployments after asking; whether it was done. */
export function useStopDeployments(): (deployments: readonly Deployment[]) => Promise<boolean> {
  const confirm = useConfirm();
  return async (deployments) => {
    const yes = await confirm({
      title: `Stop ${named(deployments)}?`,
      text: "What awaits its stream stops at once, what trains at the end of a batch. What was learnt until then is kept.",
      action: "Stop",
    });
    if (!yes) return false;
    const { failures } = await forEach(deployments, ({ id }) =>
      unwrap(api.POST("/api/v1/deployments/{id}/stop", { params: { path: { id } } })),
    );
    if (failures.length > 0) tellFailure(`${plural(failures.length, "deployment")} could not be stopped`, failures[0]);
    return failures.length === 0;
  };
}

/** Deletes deployments after asking, which tells the inferences that use their results; whether nothing is left of them. */
export function useDeleteDeployments(): (deployments: readonly Deployment[]) => Promise<boolean> {
  const confirm = useConfirm();
  const queries = useQueryClient();
  return async (deployments) => {
    const results = deployments.flatMap((deployment) => deployment.results.map(({ id }) => id));
    const yes = await confirm({
      title: `Delete ${named(deployments)}?`,
      text: `${plural(results.length, "result")} with curves, metrics and trained models are deleted as well. That can't be taken back.`,
      action: "Delete",
      dependents: () => dependentInferences(results),
      dependentsText: "These use its results and have to be deleted before:",
      blocked: deployments.length === 1,
    });
    if (!yes) return false;
    const { done, failures } = await forEach(deployments, ({ id }) =>
      unwrap(api.DELETE("/api/v1/deployments/{id}", { params: { path: { id } } })),
    );
    if (done > 0) {
      void queries.invalidateQueries({ queryKey: keys.lists("deployments") });
      void queries.invalidateQueries({ queryKey: keys.lists("results") });
    }
    if (failures.length > 0) tellFailure(`${plural(failures.length, "deployment")} could not be deleted`, failures[0]);
    return failures.length === 0;
  };
}
