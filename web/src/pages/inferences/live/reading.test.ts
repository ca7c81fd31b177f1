import { expect, test } from "vitest";
import { inputOf, isBinary, readingOf } from "./reading";

test("parts that add up to one are probabilities of classes", () => {
  const found = readingOf({ values: [0.1, 0.7, 0.2], truth: [1] });
  expect(found).toMatchObject({ kind: "class", winner: 1, probability: 0.7, truth: 1 });
  expect(readingOf({ values: [0.1, 0.9], truth: [0, 1] })).toMatchObject({ winner: 1, truth: 1 });
  expect(readingOf({ values: [0.1, 0.9], truth: null })).toMatchObject({ truth: null });
});

test("other numbers are numbers, with a truth of the same size", () => {
  expect(readingOf({ values: [0.4, 0.4], truth: null })).toMatchObject({ kind: "numbers", truth: null });
  expect(readingOf({ values: [[151.2]], truth: 149 })).toEqual({ kind: "numbers", values: [151.2], truth: [149] });
  expect(readingOf({ values: [1, 2, 3], truth: [1] })).toMatchObject({ truth: null });
});

test("what is no list of numbers has no reading", () => {
  for (const values of [
    null,
    "x",
    { a: [1] },
    [],
    [
      [1, 2],
      [3, 4],
    ],
  ])
    expect(readingOf({ values, truth: null })).toBeNull();
});

test("single parts of one are two classes only where all truths are", () => {
  const some = [
    { values: [0.9], truth: [1] },
    { values: [0.2], truth: null },
  ];
  expect(isBinary(some)).toBe(true);
  expect(isBinary([...some, { values: [0.3], truth: [0.25] }])).toBe(false);
  expect(isBinary([{ values: [0.9], truth: null }])).toBe(false);
  expect(readingOf({ values: [0.2], truth: [1] }, true)).toMatchObject({
    kind: "class",
    winner: 0,
    probability: 0.8,
    truth: 1,
  });
});

test("an input is a place in the log, or none", () => {
  expect(inputOf("digits-in:2:17")).toEqual({ topic: "digits-in", partition: 2, offset: 17 });
  expect(inputOf("digits-in:2")).toBeNull();
  expect(inputOf(null)).toBeNull();
});
