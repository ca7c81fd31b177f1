import { describe, expect, it } from "vitest";
import { extent, joined, smoothed, thinned } from "./lines";

describe("thinned", () => {
  const x = Array.from({ length: 10_000 }, (_, index) => index);

  it("keeps a single peak and a single dip among ten thousand points", () => {
    const y = x.map((index) => (index === 1234 ? 99 : index === 7777 ? -99 : Math.sin(index)));
    const few = thinned({ x, y }, 0, 9999, 100);
    expect(few.x.length).toBeLessThanOrEqual(204);
    expect(few.y).toContain(99);
    expect(few.y).toContain(-99);
    expect([...few.x].sort((a, b) => a - b)).toEqual(few.x);
  });

  it("shows every point of a part that was zoomed into, and one either side", () => {
    expect(thinned({ x, y: x }, 100, 103, 50).x).toEqual([99, 100, 101, 102, 103, 104]);
  });

  it("passes over gaps", () => {
    const y = x.map((index) => (index % 2 ? null : index));
    expect(thinned({ x, y }, 0, 9999, 10).y).not.toContain(null);
  });
});

describe("joined", () => {
  it("puts lines with different x into one table", () => {
    const table = joined([
      { x: [1, 3], y: [10, 30] },
      { x: [2, 3], y: [200, null] },
    ]);
    expect(table).toEqual([
      [1, 2, 3],
      [10, undefined, 30],
      [undefined, 200, null],
    ]);
  });

  it("leaves out what has no logarithm", () => {
    expect(joined([{ x: [1, 2, 3], y: [0, -1, 0.1] }], true)[1]).toEqual([null, null, 0.1]);
  });
});

it("extent spans all lines, and is nothing without points", () => {
  expect(extent([])).toBeNull();
  expect(extent([{ x: [], y: [] }])).toBeNull();
  expect(
    extent([
      { x: [5, 9], y: [0, 0] },
      { x: [2, 3], y: [0, 0] },
    ]),
  ).toEqual([2, 9]);
});

it("smoothed lines have the raw one behind them, in the same group", () => {
  const line = { id: "1", label: "a", colour: "#000", x: [1, 2], y: [0, 1] };
  const [raw, soft] = smoothed([line], 0.5);
  expect(raw).toMatchObject({ id: "1 raw", faint: true, group: "1", y: [0, 1] });
  expect(soft?.y[1]).toBeCloseTo(2 / 3);
  expect(smoothed([line], 0)).toEqual([line]);
});
