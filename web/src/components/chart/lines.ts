import { smooth } from "./smooth";

/** A line of a chart. Its points are in the order of `x`. */
export interface Line {
  id: string;
  label: string;
  colour: string;
  x: readonly number[];
  y: readonly (number | null)[];
  dashed?: boolean;
  /** Drawn thin and pale, and not named: what lies behind a line that was smoothed. */
  faint?: boolean;
  /** Lines of one group light up together; by default each is its own. */
  group?: string;
}

export type Points = Pick<Line, "x" | "y">;

/** The lines, each smoothed, with the raw one faint behind it. */
export function smoothed(lines: readonly Line[], weight: number): Line[] {
  if (!(weight > 0)) return [...lines];
  const raw = lines.map((line) => ({ ...line, id: `${line.id} raw`, faint: true, group: groupOf(line) }));
  return [...raw, ...lines.map((line) => ({ ...line, y: smooth(line.y, weight) }))];
}

export function groupOf(line: Line): string {
  return line.group ?? line.id;
}

/**
 * No more points than can be seen: from each of `buckets` equal parts of what is shown, the lowest and the highest stay. One point
 * either side stays as well, so that lines leave the picture where they should.
 */
export function thinned({ x, y }: Points, from: number, to: number, buckets: number): Points {
  const first = Math.max(0, firstAtLeast(x, from) - 1);
  const end = Math.min(x.length, firstAtLeast(x, to) + 2);
  if (end - first <= buckets * 2) return { x: x.slice(first, end), y: y.slice(first, end) };
  const kept: number[] = [];
  const width = (to - from) / buckets || 1;
  let bucket = Number.NEGATIVE_INFINITY;
  let low = -1;
  let high = -1;
  const close = () => {
    if (low < 0) return;
    kept.push(Math.min(low, high));
    if (low !== high) kept.push(Math.max(low, high));
  };
  for (let index = first; index < end; index += 1) {
    const value = y[index];
    if (value === null || value === undefined) continue;
    const own = Math.floor(((x[index] ?? 0) - from) / width);
    if (own !== bucket) {
      close();
      bucket = own;
      low = index;
      high = index;
    } else {
      if (value < (y[low] ?? value)) low = index;
      if (value > (y[high] ?? value)) high = index;
    }
  }
  close();
  return { x: kept.map((index) => x[index] ?? 0), y: kept.map((index) => y[index] ?? null) };
}

function firstAtLeast(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** From the least to the greatest x of all lines; null without points. */
export function extent(lines: readonly Points[]): [number, number] | null {
  let least = Number.POSITIVE_INFINITY;
  let greatest = Number.NEGATIVE_INFINITY;
  for (const { x } of lines) {
    const first = x[0];
    const last = x.at(-1);
    if (first === undefined || last === undefined) continue;
    least = Math.min(least, first);
    greatest = Math.max(greatest, last);
  }
  return least <= greatest ? [least, greatest] : null;
}

/** One table of all lines: their x together, and each line's y at them. Where a line has no point, there is `undefined`. */
export function joined(lines: readonly Points[], log = false): [number[], ...(number | null | undefined)[][]] {
  const xs = unionOf(lines);
  const places = new Map(xs.map((x, index) => [x, index]));
  const columns = lines.map(({ x, y }) => {
    const column = new Array<number | null | undefined>(xs.length).fill(undefined);
    for (let index = 0; index < x.length; index += 1) {
      const place = places.get(x[index] ?? Number.NaN);
      if (place !== undefined) column[place] = drawable(y[index], log);
    }
    return column;
  });
  return [xs, ...columns];
}

/** Logarithms are of what is more than nothing. */
function drawable(value: number | null | undefined, log: boolean): number | null {
  if (value === null || value === undefined || !Number.isFinite(value)) return null;
  return log && value <= 0 ? null : value;
}

function unionOf(lines: readonly Points[]): number[] {
  const [first, ...others] = lines;
  if (first !== undefined && others.every(({ x }) => same(x, first.x))) return [...first.x];
  const all = new Set<number>();
  for (const { x } of lines) for (const value of x) all.add(value);
  return [...all].sort((a, b) => a - b);
}

function same(some: readonly number[], others: readonly number[]): boolean {
  return some === others || (some.length === others.length && some.every((value, index) => value === others[index]));
}
