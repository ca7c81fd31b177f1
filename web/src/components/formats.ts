/** Numbers, sizes and times for people. */

const NUMBER = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const DATE = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});

export const NONE = "–";

/** 12,345 */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? NONE : NUMBER.format(value);
}

/** 12.3K, for where there is little room */
export function compact(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  return Math.abs(value) < 10_000 ? NUMBER.format(value) : COMPACT.format(value);
}

/** A metric with four digits that count: 0.9861, 12.35, 1.2e-7. */
export function metric(value: number | null | undefined): string {
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e7) return value.toExponential(2);
  if (size >= 1000) return NUMBER.format(value);
  return value.toPrecision(4);
}

/** A part of one as per cent: 98.6 % */
export function percent(value: number): string {
  return `${(value * 100).toFixed(value > 0 && value < 0.001 ? 2 : 1)} %`;
}

/** 1.2 MB; the unit is a power of ten, as for disks and networks. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? size : size.toPrecision(3)} ${units[unit]}`;
}

/** 0.4 s, 12 s, 3 min 5 s, 2 h 7 min */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** 2,140/s; 0.4/s */
export function rate(perSecond: number | null | undefined): string {
  if (perSecond === null || perSecond === undefined) return NONE;
  return `${perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : NUMBER.format(perSecond)}/s`;
}

/** 4.2 ms */
export function milliseconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return NONE;
  return value >= 1000 ? duration(value / 1000) : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

/** A shape as Python writes it: (8, 8) or (None, 10) */
export function shape(sizes: readonly (number | null)[] | null | undefined): string {
  if (sizes === null || sizes === undefined) return NONE;
  return `(${sizes.map((size) => size ?? "None").join(", ")}${sizes.length === 1 ? "," : ""})`;
}

/** Date and time to the second, in the user's zone. */
export function dateTime(time: string | Date): string {
  return DATE.format(new Date(time));
}

/** The time of day to the second. */
export function clock(time: string | Date): string {
  return CLOCK.format(new Date(time));
}

/** 5 seconds ago, in words that stay short: "now", "5 s ago", "3 min ago", "2 h ago", "4 d ago" */
export function ago(time: string | Date, now: number): string {
  const seconds = Math.max(0, (now - new Date(time).getTime()) / 1000);
  if (seconds < 2) return "now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** "1 model", "3 models" */
export function plural(number: number, one: string, many = `${one}s`): string {
  return `${count(number)} ${number === 1 ? one : many}`;
}
