import { describe, expect, it } from "vitest";
import { best, headline, isHigherBetter, sortedBy, standing } from "./compare";

const CURVES = {
  epochs: [1, 2, 3, 4],
  seconds: [],
  speeds: [],
  metrics: { loss: [4, 1, null, 2], accuracy: [0.1, 0.9, 0.9, 0.5], val_loss: [null, 3, null, null], nothing: [null] },
};

describe("isHigherBetter", () => {
  it.each(["accuracy", "val_auc", "precision", "r2_score", "f1_score", "cosine_similarity", "true_positives"])(
    "%s",
    (name) => expect(isHigherBetter(name)).toBe(true),
  );
  it.each(["loss", "val_loss", "mae", "val_mean_squared_error", "sparse_categorical_crossentropy", "false_negatives"])(
    "%s is better when it is less",
    (name) => expect(isHigherBetter(name)).toBe(false),
  );
});

describe("standing", () => {
  it("finds the best by the metric's name, the first of equals", () => {
    expect(standing(CURVES, "loss", "best", 0)).toEqual({ value: 1, epoch: 2 });
    expect(standing(CURVES, "accuracy", "best", 0)).toEqual({ value: 0.9, epoch: 2 });
  });

  it("finds the last that has a value", () => {
    expect(standing(CURVES, "loss", "last", 0)).toEqual({ value: 2, epoch: 4 });
    expect(standing(CURVES, "val_loss", "last", 0)).toEqual({ value: 3, epoch: 2 });
  });

  it("finds the one at an epoch, or the last before it", () => {
    expect(standing(CURVES, "loss", "at", 3)).toEqual({ value: 1, epoch: 2 });
    expect(standing(CURVES, "val_loss", "at", 1)).toBeNull();
    expect(standing(CURVES, "loss", "at", 99)).toEqual({ value: 2, epoch: 4 });
  });

  it("finds nothing where nothing was measured", () => {
    expect(standing(CURVES, "nothing", "best", 0)).toBeNull();
    expect(standing(CURVES, "unheard", "best", 0)).toBeNull();
  });
});

it("best passes over what is missing", () => {
  expect(best("loss", [null, 3, undefined, 2, Number.NaN])).toBe(2);
  expect(best("accuracy", [null])).toBeNull();
});

it("sortedBy leaves what has no value at the end in both directions", () => {
  const rows = [{ v: null }, { v: 2 }, { v: 3 }, { v: 1 }];
  expect(sortedBy(rows, ({ v }) => v, false).map(({ v }) => v)).toEqual([1, 2, 3, null]);
  expect(sortedBy(rows, ({ v }) => v, true).map(({ v }) => v)).toEqual([3, 2, 1, null]);
});

describe("headline", () => {
  const nothing = { test_metrics: null, validation_metrics: null, training_metrics: null };
  it("prefers the test part and a score", () => {
    const test_metrics = { loss: 0.2, accuracy: 0.9 };
    expect(headline({ ...nothing, test_metrics, training_metrics: { loss: 1 } })).toEqual({
      name: "accuracy",
      part: "test",
      value: 0.9,
    });
  });
  it("takes the loss where there is nothing else, and goes on to the next part where a value is missing", () => {
    expect(headline({ ...nothing, test_metrics: { mae: null }, training_metrics: { loss: 1 } })).toEqual({
      name: "loss",
      part: "training",
      value: 1,
    });
    expect(headline(nothing)).toBeNull();
  });
});
