import { expect, it } from "vitest";
import { accuracyOf, confusions, normalised, scoresOf } from "./matrix";

const MATRIX = {
  labels: ["cat", "dog", "owl"],
  counts: [
    [8, 2, 0],
    [1, 4, 0],
    [0, 0, 0],
  ],
  part: "test" as const,
};

it("scoresOf tells precision by columns and recall by rows", () => {
  const [cat, dog, owl] = scoresOf(MATRIX);
  expect(cat).toMatchObject({ support: 10, recall: 0.8, precision: 8 / 9 });
  expect(cat?.f1).toBeCloseTo((2 * (8 / 9) * 0.8) / (8 / 9 + 0.8));
  expect(dog).toMatchObject({ support: 5, recall: 0.8, precision: 4 / 6 });
  expect(owl).toEqual({ label: "owl", precision: null, recall: null, f1: null, support: 0 });
});

it("a class that is never found has an F1 of nothing, not none", () => {
  const [one] = scoresOf({
    labels: ["a", "b"],
    counts: [
      [0, 3],
      [0, 5],
    ],
  });
  expect(one).toMatchObject({ precision: null, recall: 0, f1: 0 });
});

it("accuracyOf counts the diagonal", () => {
  expect(accuracyOf(MATRIX)).toBeCloseTo(12 / 15);
  expect(accuracyOf({ counts: [] })).toBeNull();
});

it("normalised makes each row parts of one", () => {
  expect(normalised(MATRIX.counts)).toEqual([
    [0.8, 0.2, 0],
    [0.2, 0.8, 0],
    [null, null, null],
  ]);
});

it("confusions has the most frequent first", () => {
  expect(confusions(MATRIX)).toEqual([
    { truth: "cat", taken: "dog", times: 2 },
    { truth: "dog", taken: "cat", times: 1 },
  ]);
});
