import { useQueryClient } from "@tanstack/react-query";
import { api, getJson, ProblemError, type Schemas, unwrap } from "@/api/client";
import { type Items, keys, type Page } from "@/api/resources";
import { forEach, tellFailure, useAction } from "@/components/actions";
import { type Dependent, useConfirm } from "@/components/confirm";
import { plural } from "@/components/formats";
import { FIELDS, type FieldErrors, type Fields } from "./draft";

type Model = Pick<Items["models"], "id" | "name" | "state">;

/** Saves what has changed of a model, if it is still the one that was seen. */
export function saveModel(seen: Schemas["ModelView"], change: Partial<Fields>): Promise<Schemas["ModelView"]> {
  const params = { path: { id: seen.id }, header: { "if-match": `"${seen.revision}"` } };
  return unwrap(api.PATCH("/api/v1/models/{id}", { params, body: change }));
}

/** What a refusal says of the fields of a model's form. */
export function fieldErrors(error: unknown): FieldErrors {
  if (!(error instanceof ProblemError)) return {};
  const found: FieldErrors = {};
  for (const name of FIELDS) {
    const said = error.fields.get(`/${name}`);
    if (said !== undefined) found[name] = said;
  }
  return found;
}

export function useValidateAgain() {
  const queries = useQueryClient();
  return useAction((id: number) => unwrap(api.POST("/api/v1/models/{id}/validate", { params: { path: { id } } })), {
    failure: "The model can't be validated just now",
    onDone: (model) => queries.setQueryData(keys.item("models", model.id), model),
  });
}

/** Has several models validated again; whether all could be. */
export async function validateAll(models: readonly Model[]): Promise<boolean> {
  const { failures } = await forEach(models, ({ id }) =>
    unwrap(api.POST("/api/v1/models/{id}/validate", { params: { path: { id } } })),
  );
  if (failures.length > 0) tellFailure(`${plural(failures.length, "model")} can't be validated just now`, failures[0]);
  return failures.length === 0;
}

/** What needs some models: configurations that have them, and results of their training. */
export async function dependentsOf(models: readonly Pick<Model, "id">[]): Promise<Dependent[]> {
  const configurations = new Map<number, Dependent>();
  const results: Dependent[] = [];
  for (const { id } of models) {
    const [some, others] = await Promise.all([
      getJson<Page<Items["configurations"]>>("/api/v1/configurations", { model_id: id, limit: 100 }),
      getJson<Page<Items["results"]>>("/api/v1/results", { model_id: id, limit: 100 }),
    ]);
    for (const { id: key, name } of some.items) {
      configurations.set(key, { label: `Configuration ${name}`, href: `/configurations/${key}` });
    }
    for (const result of others.items) {
      const label = `Result ${result.id}: ${result.model_name}, deployment ${result.deployment_id} (${result.state})`;
      results.push({ label, href: `/results/${result.id}` });
    }
  }
  return [...configurations.values(), ...results];
}

/** Deletes models after asking; whether all are gone. */
export function useDeleteModels(): (models: readonly Model[]) => Promise<boolean> {
  const confirm = useConfirm();
  const queries = useQueryClient();
  return async (models) => {
    const [first] = models;
    if (first === undefined) return false;
    const isOne = models.length === 1;
    const yes = await confirm({
      title: isOne ? `Delete the model ${first.name}?` : `Delete ${plural(models.length, "model")}?`,
      text: isOne
        ? "All versions of its code are deleted. That can't be taken back."
        : "All versions of their code are deleted. That can't be taken back. Models that something needs stay.",
      action: "Delete",
      dependents: () => dependentsOf(models),
      dependentsText: isOne
        ? "It is needed by these. Take it out of the configurations and delete the results first:"
        : "Some of them are needed by these, and stay:",
      blocked: isOne,
    });
    if (!yes) return false;
    const { done, failures } = await forEach(models, ({ id }) =>
      unwrap(api.DELETE("/api/v1/models/{id}", { params: { path: { id } } })),
    );
    if (done > 0) void queries.invalidateQueries({ queryKey: keys.lists("models") });
    if (failures.length > 0) tellFailure(`${plural(failures.length, "model")} could not be deleted`, failures[0]);
    return failures.length === 0;
  };
}
