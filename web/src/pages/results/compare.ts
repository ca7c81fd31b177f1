import { baseName, type Curves } from "./curves";

/** Which value of a curve stands for it: its best, its last, or the one at some epoch. */
export type By = "best" | "last" | "at";

const LOWER_IS_BETTER =
  /loss|error|mse|mae|mape|msle|rmse|crossentropy|divergence|poisson|hinge|log_?cosh|false_(positives|negatives)|perplexity/i;

/** Whether more of a metric is better; known by its name, as Keras's users give them. */
export function isHigherBetter(metric: string): boolean {
  return !LOWER_IS_BETTER.test(baseName(metric));
}

export interface Standing {
  value: number;
  epoch: number;
}

/** The value that stands for a curve, and when it was. At an epoch without a value the one before it counts. */
export function standing(curves: Curves, metric: string, by: By, at: number): Standing | null {
  const values = curves.metrics[metric];
  if (values === undefined) return null;
  let found: Standing | null = null;
  values.forEach((value, index) => {
    const epoch = curves.epochs[index] ?? 0;
    if (value === null || !Number.isFinite(value)) return;
    if (by === "at" && epoch > at) return;
    if (by === "best" && found !== null && !isBetter(metric, value, found.value)) return;
    found = { value, epoch };
  });
  return found;
}

export function isBetter(metric: string, value: number, other: number): boolean {
  return isHigherBetter(metric) ? value > other : value < other;
}

/** The best of several values; null where there is none. */
export function best(metric: string, values: readonly (number | null | undefined)[]): number | null {
  let found: number | null = null;
  for (const value of values) {
    if (value === null || value === undefined || !Number.isFinite(value)) continue;
    if (found === null || isBetter(metric, value, found)) found = value;
  }
  return found;
}

/** In order of a value, the greatest first with `-`; those without one come last either way. */
export function sortedBy<T>(rows: readonly T[], of: (row: T) => number | string | null, isDescending: boolean): T[] {
  return [...rows].sort((row, other) => {
    const a = of(row);
    const b = of(other);
    if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
    const order = typeof a === "string" || typeof b === "string" ? String(a).localeCompare(String(b)) : a - b;
    return isDescending ? -order : order;
  });
}

/** The metric that says most of a result: that of the test part or, before it, of validation or training; a score before the loss. */
export function headline(result: {
  test_metrics: Record<string, number | null> | null;
  validation_metrics: Record<string, number | null> | null;
  training_metrics: Record<string, number | null> | null;
}): { name: string; part: "test" | "validation" | "training"; value: number } | null {
  const parts = [
    ["test", result.test_metrics],
    ["validation", result.validation_metrics],
    ["training", result.training_metrics],
  ] as const;
  for (const [part, metrics] of parts) {
    const known = Object.entries(metrics ?? {}).filter((entry): entry is [string, number] => entry[1] !== null);
    const [name, value] = known.find(([name]) => name !== "loss") ?? known[0] ?? [];
    if (name !== undefined && value !== undefined) return { name, part, value };
  }
  return null;
}
