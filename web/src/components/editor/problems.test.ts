import { Text } from "@codemirror/state";
import { expect, it } from "vitest";
import { diagnosticsOf } from "./problems";

const DOC = Text.of(["a = 1", "    b = 2", ""]);
const range = (line: number) => diagnosticsOf(DOC, [{ line, message: "wrong" }]).map(({ from, to }) => [from, to])[0];

it("marks a line without its indentation", () => {
  expect(range(1)).toEqual([0, 5]);
  expect(range(2)).toEqual([10, 15]);
});

it("marks lines that are empty or gone where they would be", () => {
  expect(range(3)).toEqual([16, 16]);
  expect(range(99)).toEqual([16, 16]);
  expect(range(0)).toEqual([0, 5]);
});
