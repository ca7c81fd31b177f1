import { describe, expect, it } from "vitest";
import { labelText, statisticsOf } from "./statistics";

describe("statisticsOf", () => {
  it("sums up the values of each label, in the order of numbers", () => {
    const samples = [
      { label: 10, values: [1, 3] },
      { label: 2, values: [5, null, "x"] },
      { label: 10, values: [5, 7] },
      { label: 3, values: null },
    ];
    expect(statisticsOf(samples)).toEqual([
      { label: "2", samples: 1, least: 5, greatest: 5, mean: 5, deviation: 0 },
      { label: "10", samples: 2, least: 1, greatest: 7, mean: 4, deviation: Math.sqrt(5) },
    ]);
  });

  it("takes labels that all differ for quantities", () => {
    const samples = Array.from({ length: 30 }, (_, index) => ({ label: index / 7, values: [index] }));
    expect(statisticsOf(samples)).toMatchObject([{ label: "all", samples: 30, least: 0, greatest: 29 }]);
  });

  it("has nothing to say of text", () => {
    expect(statisticsOf([{ label: null, values: ["a"] }])).toMatchObject([
      { label: "no label", least: null, mean: null },
    ]);
  });
});

describe("labelText", () => {
  it("writes numbers, text and vectors", () => {
    expect([3, 0.1 + 0.2, "cat", [0, 1], null].map(labelText)).toEqual(["3", "0.3", "cat", "[0,1]", "no label"]);
  });
});
