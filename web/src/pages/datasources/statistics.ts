import type { Schemas } from "@/api/client";

type Sample = Pick<Schemas["Sample"], "label" | "values">;

export interface Statistics {
  label: string;
  samples: number;
  least: number | null;
  greatest: number | null;
  mean: number | null;
  deviation: number | null;
}

/** Beyond this many different labels they are quantities rather than classes. */
const CLASSES = 25;

/** A label as text; "no label" without one. */
export function labelText(label: unknown): string {
  if (label === null || label === undefined) return "no label";
  if (typeof label === "number") return Number.isInteger(label) ? String(label) : String(Number(label.toPrecision(6)));
  return typeof label === "string" ? label : JSON.stringify(label);
}

/** The values of samples by their label, in the order of the labels; of all together where labels are no classes. */
export function statisticsOf(samples: readonly Sample[]): Statistics[] {
  const groups = new Map<string, Sample[]>();
  for (const sample of samples) {
    if (sample.values === null) continue;
    const label = labelText(sample.label);
    groups.set(label, [...(groups.get(label) ?? []), sample]);
  }
  if (groups.size > CLASSES) return [summed("all", samples)];
  const order = new Intl.Collator("en", { numeric: true });
  return [...groups].sort(([a], [b]) => order.compare(a, b)).map(([label, members]) => summed(label, members));
}

function summed(label: string, samples: readonly Sample[]): Statistics {
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  let count = 0;
  let mean = 0;
  let squares = 0;
  for (const { values } of samples) {
    for (const value of values ?? []) {
      if (typeof value !== "number") continue;
      count += 1;
      const off = value - mean;
      mean += off / count;
      squares += off * (value - mean);
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
  }
  const known = count > 0;
  return {
    label,
    samples: samples.length,
    least: known ? least : null,
    greatest: known ? greatest : null,
    mean: known ? mean : null,
    deviation: known ? Math.sqrt(squares / count) : null,
  };
}
