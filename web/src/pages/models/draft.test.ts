import { describe, expect, it } from "vitest";
import { changes, merge } from "./draft";

const BASE = { name: "a", description: "b", code: "c" };

it("sends only what has changed", () => {
  expect(changes(BASE, { ...BASE, code: "d" })).toEqual({ code: "d" });
  expect(changes(BASE, BASE)).toEqual({});
  expect(changes(BASE, { ...BASE, description: "" })).toEqual({ description: "" });
});

describe("merge", () => {
  it("takes what only they have changed, and keeps what only I have", () => {
    const merged = merge(BASE, { ...BASE, code: "mine" }, { ...BASE, name: "theirs" });
    expect(merged).toEqual({
      fields: { name: "theirs", description: "b", code: "mine" },
      conflicts: [],
      taken: ["name"],
    });
  });

  it("leaves to a person what both have changed", () => {
    const merged = merge(BASE, { ...BASE, code: "mine" }, { ...BASE, code: "theirs", description: "d" });
    expect(merged.conflicts).toEqual(["code"]);
    expect(merged.fields).toEqual({ name: "a", description: "d", code: "mine" });
  });

  it("sees no conflict where both came to the same", () => {
    const merged = merge(BASE, { ...BASE, code: "same" }, { ...BASE, code: "same" });
    expect(merged.conflicts).toEqual([]);
    expect(merged.taken).toEqual([]);
  });
});
