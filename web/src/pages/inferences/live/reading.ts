import type { Schemas } from "@/api/client";

export type Prediction = Schemas["Prediction"];

/** What an inference has predicted since the summary before; an event of `predictions/live`. */
export interface Summary {
  time: string;
  count: number;
  rate: number;
  looked_at: number;
  classes: Record<string, number> | null;
  right: number | null;
  judged: number;
  latest: Prediction[];
}

/** What a prediction says: a class with its probability, or numbers; null for what is neither. */
export type Reading =
  | {
      kind: "class";
      winner: number;
      probability: number;
      probabilities: readonly number[];
      truth: number | null;
    }
  | { kind: "numbers"; values: readonly number[]; truth: readonly number[] | null };

const WHOLE = 1e-3;

/**
 * Reads a model's output. Several parts of one that add up to one are probabilities of classes, and so is a single part of one where
 * `binary` says so, as truths are known to be 0 and 1.
 */
export function readingOf({ values, truth }: Pick<Prediction, "values" | "truth">, binary = false): Reading | null {
  const numbers = numbersOf(values);
  if (numbers === null) return null;
  if (numbers.length > 1 && numbers.every(isPart) && Math.abs(sum(numbers) - 1) <= WHOLE * numbers.length) {
    const winner = numbers.indexOf(Math.max(...numbers));
    return {
      kind: "class",
      winner,
      probability: numbers[winner] ?? 0,
      probabilities: numbers,
      truth: classOf(truth),
    };
  }
  const [only] = numbers;
  if (binary && numbers.length === 1 && only !== undefined && isPart(only)) {
    const winner = only >= 0.5 ? 1 : 0;
    const probabilities = [1 - only, only];
    return { kind: "class", winner, probability: probabilities[winner] ?? 0, probabilities, truth: classOf(truth) };
  }
  const known = numbersOf(truth);
  return { kind: "numbers", values: numbers, truth: known?.length === numbers.length ? known : null };
}

/** Whether predictions are the probability of one of two classes: single parts of one, whose truths are all 0 or 1. */
export function isBinary(predictions: readonly Pick<Prediction, "values" | "truth">[]): boolean {
  let judged = 0;
  for (const { values, truth } of predictions) {
    const numbers = numbersOf(values);
    if (numbers?.length !== 1 || !numbers.every(isPart)) return false;
    const known = numbersOf(truth);
    if (known === null) continue;
    if (known.length !== 1 || (known[0] !== 0 && known[0] !== 1)) return false;
    judged += 1;
  }
  return judged > 0;
}

/** The class that a label names: a whole number, or the place of the one in a vector of zeros. */
function classOf(truth: unknown): number | null {
  const numbers = numbersOf(truth);
  if (numbers === null) return null;
  if (numbers.length > 1) {
    const ones = numbers.filter((value) => value === 1).length;
    return ones === 1 && numbers.every((value) => value === 0 || value === 1) ? numbers.indexOf(1) : null;
  }
  const [only] = numbers;
  return only !== undefined && Number.isInteger(only) ? only : null;
}

/** Numbers in a list, or one alone; lists of one in each other are no matter. */
function numbersOf(values: unknown): number[] | null {
  if (typeof values === "number") return [values];
  if (!Array.isArray(values) || values.length === 0) return null;
  if (values.length === 1 && Array.isArray(values[0])) return numbersOf(values[0]);
  return values.every((value) => typeof value === "number") ? (values as number[]) : null;
}

function isPart(value: number): boolean {
  return value >= 0 && value <= 1;
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

/** `topic:partition:offset` of the message that something was predicted for. */
export function inputOf(text: string | null): { topic: string; partition: number; offset: number } | null {
  const [topic, partition, offset] = text?.split(":") ?? [];
  if (topic === undefined || !/^\d+$/.test(partition ?? "") || !/^\d+$/.test(offset ?? "")) return null;
  return { topic, partition: Number(partition), offset: Number(offset) };
}
