import type { Schemas } from "@/api/client";

export type Matrix = Schemas["ConfusionMatrix"];
type Counted = Pick<Matrix, "labels" | "counts">;

export interface ClassScore {
  label: string;
  /** Of those that were predicted as this class, the part that is. Null where none was. */
  precision: number | null;
  /** Of those that are of this class, the part that was found. Null where none is. */
  recall: number | null;
  f1: number | null;
  /** How many are of this class. */
  support: number;
}

/** Precision, recall and F1 of each class. */
export function scoresOf({ labels, counts }: Counted): ClassScore[] {
  return labels.map((label, index) => {
    const right = counts[index]?.[index] ?? 0;
    const support = sum(counts[index] ?? []);
    const predicted = sum(counts.map((row) => row[index] ?? 0));
    const precision = predicted === 0 ? null : right / predicted;
    const recall = support === 0 ? null : right / support;
    const f1 = predicted + support === 0 ? null : (2 * right) / (predicted + support);
    return { label, precision, recall, f1, support };
  });
}

/** The part of all samples that was predicted right; null where there is none. */
export function accuracyOf({ counts }: Pick<Counted, "counts">): number | null {
  const all = sum(counts.map(sum));
  return all === 0 ? null : sum(counts.map((row, index) => row[index] ?? 0)) / all;
}

/** Each row as parts of the true class; a class without samples has none. */
export function normalised(counts: Matrix["counts"]): (number | null)[][] {
  return counts.map((row) => {
    const all = sum(row);
    return row.map((value) => (all === 0 ? null : value / all));
  });
}

/** What was most often taken for something else. */
export function confusions({ labels, counts }: Counted, most = 3): { truth: string; taken: string; times: number }[] {
  return counts
    .flatMap((row, truth) =>
      row.map((times, taken) => ({
        truth: labels[truth] ?? "",
        taken: labels[taken] ?? "",
        times,
        wrong: truth !== taken,
      })),
    )
    .filter(({ times, wrong }) => wrong && times > 0)
    .sort((a, b) => b.times - a.times)
    .slice(0, most)
    .map(({ truth, taken, times }) => ({ truth, taken, times }));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
