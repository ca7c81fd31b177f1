import type { Line } from "./lines";

export type XKind = "number" | "time" | "elapsed";

export interface LineChartProps {
  /** What the chart shows, in words. */
  label: string;
  lines: readonly Line[];
  /** What x is: a number such as an epoch, a moment in seconds since 1970, or seconds since something began. */
  xKind?: XKind;
  /** What x is called, such as "Epoch". */
  xLabel?: string;
  /** How a value is written. */
  format?: (value: number) => string;
  log?: boolean;
  height?: number;
  /** Charts with the same key share their cursor and what is zoomed into. */
  sync?: string;
  /** The group of lines that is lit; the others fade. */
  lit?: string | null;
  onLight?: (group: string | null) => void;
}

/** Colours of what a canvas draws besides its lines; the style sheet's colours can't be used there. */
export const INKS = {
  light: { text: "#58646c", grid: "#e6ebed", surface: "#ffffff" },
  dark: { text: "#a3b0b8", grid: "#2b343a", surface: "#1b2024" },
} as const;
