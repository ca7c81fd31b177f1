import { describe, expect, test } from "vitest";
import { drawingOf, limits, pixelsOf, textOf } from "./sample";

const zeros = (...shape: number[]) => ({
  shape,
  values: new Array(shape.reduce((all, size) => all * size, 1)).fill(0),
});

describe("what a sample looks like", () => {
  test.each([
    [[8, 8], "image", 8, 8, 1],
    [[28, 20, 1], "image", 20, 28, 1],
    [[1, 28, 20], "image", 20, 28, 1],
    [[6, 5, 3], "image", 5, 6, 3],
    [[3, 6, 5], "image", 5, 6, 3],
  ] as const)("%j is an image", (shape, kind, width, height, channels) => {
    expect(drawingOf(zeros(...shape))).toMatchObject({ kind, width, height, channels });
  });

  test.each([[[64]], [[2, 64]], [[8, 8, 7]], [[1, 4, 1]]])("%j is a row of numbers", (shape) => {
    expect(drawingOf(zeros(...shape)).kind).toBe("vector");
  });

  test("single values, text, and what could not be decoded are text", () => {
    expect(drawingOf({ shape: [1], values: [3] }).kind).toBe("text");
    expect(drawingOf({ shape: [2], values: ["a", "b"] }).kind).toBe("text");
    expect(drawingOf({ shape: null, values: null }).kind).toBe("text");
  });

  test("an image that was cut is none", () => {
    expect(drawingOf({ shape: [1000, 1000], values: [1, 2, 3], truncated: true }).kind).toBe("vector");
  });
});

describe("pixels", () => {
  const grey = { kind: "image", width: 2, height: 1, channels: 1, planes: false } as const;

  test("go from the least to the greatest value", () => {
    expect([...pixelsOf([0, 16], grey)]).toEqual([0, 0, 0, 255, 255, 255, 255, 255]);
    expect([...pixelsOf([-1, 1], grey)]).toEqual([0, 0, 0, 255, 255, 255, 255, 255]);
  });

  test("are transparent where there is no number, and black where all is zero", () => {
    expect([...pixelsOf([null, 0], grey)]).toEqual([0, 0, 0, 0, 0, 0, 0, 255]);
  });

  test("have their colours from planes as from triples", () => {
    const image = { kind: "image", width: 2, height: 1, channels: 3 } as const;
    const planes = pixelsOf([255, 0, 0, 255, 0, 0], { ...image, planes: true });
    const triples = pixelsOf([255, 0, 0, 0, 255, 0], { ...image, planes: false });
    expect([...planes]).toEqual([255, 0, 0, 255, 0, 255, 0, 255]);
    expect(triples).toEqual(planes);
  });

  test("of dark colour images stay dark", () => {
    const image = { kind: "image", width: 1, height: 1, channels: 3, planes: false } as const;
    expect([...pixelsOf([10, 20, 30], image)]).toEqual([10, 20, 30, 255]);
  });
});

test("limits leave out what is no number", () => {
  expect(limits([null, 2, true, -3])).toEqual([-3, 2]);
  expect(limits([null])).toBeNull();
});

test("text has the first values", () => {
  expect(textOf([1, 0.1234567, null, true], 3)).toBe("1, 0.12346, none, …");
});
