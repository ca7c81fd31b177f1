import { describe, expect, it } from "vitest";
import { fitOf, idsOf } from "./shapes";

function model(name: string, input: (number | null)[] | null, state: "valid" | "invalid" | "validating" = "valid") {
  const sizes = { layers: [], parameters: 1, trainable_parameters: 1, output_shape: [10], loss: null, optimizer: null };
  return { name, state, summary: state === "valid" ? { ...sizes, input_shape: input } : null };
}

describe("fitOf", () => {
  it("finds nothing wrong where all take the same", () => {
    expect(fitOf([model("a", [8, 8]), model("b", [8, 8])])).toEqual({ inputs: null, unready: [] });
  });

  it("tells which models take what where they differ", () => {
    const { inputs } = fitOf([model("a", [8, 8]), model("b", [64]), model("c", [8, 8])]);
    expect([...(inputs ?? [])]).toEqual([
      ["(8, 8)", ["a", "c"]],
      ["(64,)", ["b"]],
    ]);
  });

  it("does not judge models whose shape is not known", () => {
    const fit = fitOf([model("a", [8]), model("b", null), model("c", [9], "invalid"), model("d", null, "validating")]);
    expect(fit).toEqual({ inputs: null, unready: ["c", "d"] });
  });
});

it("reads ids from an address", () => {
  expect(idsOf("2,1,2")).toEqual([2, 1]);
  expect(idsOf("0,x,-1,3.5,")).toEqual([]);
  expect(idsOf(undefined)).toEqual([]);
});
