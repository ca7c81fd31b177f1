import { describe, expect, it } from "vitest";
import { deletedOf, rangesOf, retention, topicsOf } from "./ranges";

const stream = { topic: "a:0:10:60,a:1:0:50", incremental: false, unsupervised_topic: "b:0:5:6" };

describe("rangesOf", () => {
  it("reads where the messages lie", () => {
    expect(rangesOf(stream)).toEqual([
      { topic: "a", partition: 0, start: 10, end: 60, labelled: true },
      { topic: "a", partition: 1, start: 0, end: 50, labelled: true },
      { topic: "b", partition: 0, start: 5, end: 6, labelled: false },
    ]);
    expect(topicsOf(stream)).toEqual(["a", "b"]);
  });

  it("knows that a stream that is read as it grows has no ranges", () => {
    const live = { topic: "a", incremental: true, unsupervised_topic: null };
    expect(rangesOf(live)).toEqual([]);
    expect(topicsOf(live)).toEqual(["a"]);
  });
});

describe("what retention took", () => {
  const [range] = rangesOf(stream);

  it.each([
    [0, 0],
    [10, 0],
    [30, 20],
    [60, 50],
    [1000, 50],
  ])("is counted where the log begins at %i", (start, deleted) => {
    expect(range && deletedOf(range, [{ partition: 0, start, end: 2000 }])).toBe(deleted);
  });

  it("is all of a partition that is gone", () => {
    expect(range && deletedOf(range, [{ partition: 1, start: 0, end: 9 }])).toBe(50);
  });

  it("is summed when all topics are known, not before", () => {
    const a = [
      { partition: 0, start: 20, end: 60 },
      { partition: 1, start: 0, end: 50 },
    ];
    expect(retention(rangesOf(stream), new Map([["a", a]]))).toBeNull();
    expect(
      retention(
        rangesOf(stream),
        new Map([
          ["a", a],
          ["b", []],
        ]),
      ),
    ).toEqual({ size: 101, deleted: 11 });
  });
});
