import type { Views } from "@/api/resources";
import { shape } from "@/components/formats";

type Model = Pick<Views["models"], "name" | "state" | "summary">;

export interface Fit {
  /** Names of models by the shape that they take, when there is more than one; models of unknown shape are left out. */
  inputs: ReadonlyMap<string, readonly string[]> | null;
  /** Models that can't be deployed now. */
  unready: readonly string[];
}

/** Whether models can learn from the same stream. */
export function fitOf(models: readonly Model[]): Fit {
  const inputs = new Map<string, string[]>();
  for (const { name, summary } of models) {
    if (summary?.input_shape === undefined || summary.input_shape === null) continue;
    const key = shape(summary.input_shape);
    inputs.set(key, [...(inputs.get(key) ?? []), name]);
  }
  return {
    inputs: inputs.size > 1 ? inputs : null,
    unready: models.filter(({ state }) => state !== "valid").map(({ name }) => name),
  };
}

/** Ids from an address such as `1,2`: each once, and only what can be one. */
export function idsOf(text: string | undefined): number[] {
  const ids = (text ?? "").split(",").filter((part) => /^[1-9]\d{0,9}$/.test(part));
  return [...new Set(ids.map(Number))];
}
