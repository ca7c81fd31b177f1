import { useQueryClient } from "@tanstack/react-query";
import { api, getJson, type Schemas, unwrap } from "@/api/client";
import { type Items, keys, type Page } from "@/api/resources";
import { forEach, tellFailure } from "@/components/actions";
import { type Dependent, useConfirm } from "@/components/confirm";
import { plural } from "@/components/formats";

type Result = Pick<Schemas["ResultView"], "id" | "model_name" | "state">;

const ENDED: readonly Schemas["ResultState"][] = ["finished", "failed", "stopped"];

export function hasEnded({ state }: Pick<Result, "state">): boolean {
  return ENDED.includes(state);
}

export function modelAddress(id: number): string {
  return `/api/v1/results/${id}/model`;
}

/** The inferences that use some results. */
export async function inferencesOf(ids: readonly number[]): Promise<Items["inferences"][]> {
  const pages = await Promise.all(
    ids.map((result_id) => getJson<Page<Items["inferences"]>>("/api/v1/inferences", { result_id, limit: 100 })),
  );
  return pages.flatMap(({ items }) => items);
}

export async function dependentInferences(ids: readonly number[]): Promise<Dependent[]> {
  const found = await inferencesOf(ids);
  return found.map(({ id, model_name, input_topic, state }) => ({
    label: `Inference ${id}: ${model_name} on ${input_topic} (${state})`,
    href: `/inferences/${id}`,
  }));
}

/** Deletes results after asking; whether nothing is left of them. */
export function useDeleteResults(): (results: readonly Result[]) => Promise<boolean> {
  const confirm = useConfirm();
  const queries = useQueryClient();
  return async (results) => {
    const [first] = results;
    if (first === undefined) return false;
    const what = results.length === 1 ? `result ${first.id} of ${first.model_name}` : plural(results.length, "result");
    const yes = await confirm({
      title: `Delete ${what}?`,
      text: "Its curves, metrics and the trained model are deleted. That can't be taken back.",
      action: "Delete",
      dependents: () => dependentInferences(results.map(({ id }) => id)),
      dependentsText: "These use it and have to be deleted before:",
      blocked: results.length === 1,
    });
    if (!yes) return false;
    const { done, failures } = await forEach(results, ({ id }) =>
      unwrap(api.DELETE("/api/v1/results/{id}", { params: { path: { id } } })),
    );
    if (done > 0) void queries.invalidateQueries({ queryKey: keys.lists("results") });
    if (failures.length > 0) tellFailure(`${plural(failures.length, "result")} could not be deleted`, failures[0]);
    return failures.length === 0;
  };
}
