import { describe, expect, it } from "vitest";
import { type EpochData, metricNames, NO_CURVES, paceOf, secondsLeft, withEpochs } from "./curves";

function epoch(number: number, metrics: Record<string, number | null>, duration = 2): EpochData {
  return { epoch: number, metrics, duration_seconds: duration, samples_per_second: 100 * number };
}

describe("withEpochs", () => {
  const curves = withEpochs(NO_CURVES, [epoch(1, { loss: 3 }), epoch(2, { loss: 2 })]) ?? NO_CURVES;

  it("adds up durations and puts values under their metrics", () => {
    expect(curves).toEqual({ epochs: [1, 2], seconds: [2, 4], speeds: [100, 200], metrics: { loss: [3, 2] } });
  });

  it("passes over what it knows already", () => {
    expect(withEpochs(curves, [epoch(2, { loss: 99 })])).toBe(curves);
  });

  it("tells that some are missing", () => {
    expect(withEpochs(curves, [epoch(4, { loss: 1 })])).toBeNull();
  });

  it("fills metrics that come or go with gaps", () => {
    expect(withEpochs(curves, [epoch(3, { val_loss: 5 })])?.metrics).toEqual({
      loss: [3, 2, null],
      val_loss: [null, null, 5],
    });
  });
});

it("metricNames has the loss first and each name once", () => {
  const curves = { ...NO_CURVES, metrics: { accuracy: [], loss: [], val_loss: [], learning_rate: [], val_auc: [] } };
  expect(metricNames([curves])).toEqual(["loss", "accuracy", "auc", "learning_rate"]);
});

describe("secondsLeft", () => {
  it("leaves the slow first epoch out", () => {
    const curves = withEpochs(NO_CURVES, [epoch(1, {}, 60), epoch(2, {}, 2), epoch(3, {}, 4)]) ?? NO_CURVES;
    expect(paceOf(curves)?.secondsPerEpoch).toBe(3);
    expect(secondsLeft(curves, 10)).toBe(21);
  });

  it("is not known before the first epoch, or without a number of epochs", () => {
    expect(secondsLeft(NO_CURVES, 5)).toBeNull();
    expect(secondsLeft(withEpochs(NO_CURVES, [epoch(1, {})]) ?? NO_CURVES, null)).toBeNull();
  });
});
