import { expect, test } from "vitest";
import { bordersOf, compressed, isUneven, lanesOf, leftOf, linear, type RibbonData, type Used } from "./ribbon";

const range = (datasource_id: number, start: number, end: number, partition = 0): Used => ({
  datasource_id,
  deployment_ids: [1],
  partition,
  start,
  end,
  part: "training",
  deleted: 0,
});

const data = (ranges: Used[], start = 0, end = 100): RibbonData => ({
  topic: "digits",
  partitions: [{ partition: 0, start, end }],
  ranges,
  inferences: [],
  changes: [],
});

test("a lane reaches from what retention took to the end", () => {
  const [lane] = lanesOf(data([range(1, 10, 50)], 40, 100));
  expect(lane).toMatchObject({ from: 0, start: 40, until: 100 });
});

test("an empty partition has a lane, too", () => {
  const [lane] = lanesOf(data([], 0, 0));
  expect(lane).toMatchObject({ from: 0, until: 1, used: [] });
});

test("ranges over the same offsets stand below each other, and others beside", () => {
  const [lane] = lanesOf(
    data([range(1, 0, 50), range(2, 20, 80), range(3, 50, 60), range(4, 22, 30), range(5, 23, 30)]),
  );
  expect(lane?.used.map(({ datasource_id, level }) => [datasource_id, level])).toEqual([
    [1, 0],
    [2, 1],
    [4, 2],
    [5, 2],
    [3, 0],
  ]);
});

test("in proportion, a piece is as long as it is", () => {
  const scale = linear(100, 200, 1000);
  expect([scale(100), scale(150), scale(200)]).toEqual([0, 500, 1000]);
});

test("compressed, a short piece beside a long one is seen, and the order stays", () => {
  const [lane] = lanesOf(data([range(1, 0, 100), range(2, 100, 1_000_000)], 0, 1_000_000));
  if (lane === undefined) throw new Error("There is no lane.");
  const scale = compressed(bordersOf(lane), 1000);
  expect(scale(0)).toBe(0);
  expect(scale(100)).toBeGreaterThan(8);
  expect(scale(1_000_000)).toBe(1000);
  const places = [0, 50, 100, 5000, 999_999, 1_000_000].map(scale);
  expect(places).toEqual([...places].sort((one, other) => one - other));
});

test("lanes with pieces that can't be seen are uneven", () => {
  expect(isUneven(lanesOf(data([range(1, 0, 100)], 0, 1_000_000)))).toBe(true);
  expect(isUneven(lanesOf(data([range(1, 0, 40)], 0, 100)))).toBe(false);
  expect(isUneven(lanesOf(data([], 0, 0)))).toBe(false);
});

test("what is left of a range", () => {
  expect(leftOf({ start: 0, end: 10, deleted: 0 })).toBe("all");
  expect(leftOf({ start: 0, end: 10, deleted: 3 })).toBe("some");
  expect(leftOf({ start: 0, end: 10, deleted: 10 })).toBe("none");
});

test("a thousand partitions take no time", () => {
  const many: RibbonData = {
    ...data([]),
    partitions: Array.from({ length: 1000 }, (_, partition) => ({ partition, start: 0, end: 1000 })),
    ranges: Array.from({ length: 10_000 }, (_, index) =>
      range(index, (index % 10) * 100, (index % 10) * 100 + 90, index % 1000),
    ),
  };
  const began = performance.now();
  expect(lanesOf(many)).toHaveLength(1000);
  expect(performance.now() - began).toBeLessThan(500);
});
