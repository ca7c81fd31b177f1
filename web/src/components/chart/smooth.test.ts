import { describe, expect, it } from "vitest";
import { smooth } from "./smooth";

describe("smooth", () => {
  it("changes nothing without a weight", () => {
    expect(smooth([1, null, 3], 0)).toEqual([1, null, 3]);
  });

  it("begins at the first value, not near zero", () => {
    expect(smooth([5, 5, 5], 0.99)).toEqual([expect.closeTo(5), expect.closeTo(5), expect.closeTo(5)]);
  });

  it("weighs what is recent more", () => {
    expect(smooth([0, 1], 0.5)).toEqual([0, expect.closeTo(2 / 3)]);
  });

  it("leaves gaps, and goes on behind them as if they were not there", () => {
    const [first, gap, last] = smooth([0, null, 1], 0.5);
    expect([first, gap]).toEqual([0, null]);
    expect(last).toBeCloseTo(2 / 3);
  });

  it("does not let a value that is no number spoil the rest", () => {
    expect(smooth([1, Number.NaN, 1], 0.9).at(-1)).toBeCloseTo(1);
  });
});
