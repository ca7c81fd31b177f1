import type uPlot from "uplot";
import { clock, compact, duration } from "@/components/formats";
import { INKS, type XKind } from "./chart";
import type { Line } from "./lines";

interface Wishes {
  width: number;
  height: number;
  lines: readonly Line[];
  scheme: "light" | "dark";
  xKind: XKind;
  log: boolean;
  sync: string | undefined;
  format: (value: number) => string;
  hooks: uPlot.Hooks.Arrays;
  onReset: () => void;
}

const FONT = "11px 'Inter Variable', system-ui, sans-serif";
/** Pixels around the cursor in which a line is pointed at. */
const NEAR = 24;

export function optionsOf({
  width,
  height,
  lines,
  scheme,
  xKind,
  log,
  sync,
  format,
  hooks,
  onReset,
}: Wishes): uPlot.Options {
  const ink = INKS[scheme];
  const axis: uPlot.Axis = {
    stroke: ink.text,
    font: FONT,
    grid: { stroke: ink.grid, width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height,
    hooks,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    focus: { alpha: 1 },
    cursor: {
      y: false,
      drag: { x: true, y: false, dist: 6 },
      // uPlot itself would show no more than the points that it has, which are those of what is zoomed into.
      bind: {
        dblclick: () => () => {
          onReset();
          return null;
        },
      },
      focus: { prox: NEAR },
      hover: { skip: [undefined, null] },
      points: { size: 7 },
      ...(sync === undefined ? {} : { sync: { key: sync, setSeries: false, scales: ["x", null] } }),
    },
    scales: { x: { time: xKind === "time" }, y: log ? { distr: 3 } : {} },
    series: [{}, ...lines.map((line) => seriesOf(line, scheme))],
    axes: [
      { ...axis, size: 28, space: xKind === "time" ? 84 : 50, ...tickText(xKind) },
      { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : format(tick))) },
    ],
  };
}

function seriesOf({ label, colour, dashed = false, faint = false }: Line, scheme: "light" | "dark"): uPlot.Series {
  return {
    label,
    stroke: faint ? `${colour}${scheme === "light" ? "66" : "70"}` : colour,
    width: faint ? 1 : 1.75,
    ...(dashed ? { dash: [5, 4] } : {}),
    points: faint ? { show: false } : { size: 5, space: 14, fill: colour },
  };
}

function tickText(xKind: XKind): Pick<uPlot.Axis, "values" | "incrs"> {
  // The date stands nowhere else either, and there is room for one line.
  if (xKind === "time") return { values: (_, ticks) => ticks.map((tick) => clock(new Date(tick * 1000))) };
  if (xKind === "elapsed") return { values: (_, ticks) => ticks.map((tick) => duration(tick).replace(/\.0 s$/, " s")) };
  // Epochs have no halves.
  const incrs = [1, 2, 5].flatMap((step) => [0, 1, 2, 3, 4, 5, 6, 7].map((power) => step * 10 ** power));
  return { incrs: incrs.sort((a, b) => a - b), values: (_, ticks) => ticks.map((tick) => compact(tick)) };
}

export function xText(x: number, xKind: XKind): string {
  if (xKind === "time") return clock(new Date(x * 1000));
  return xKind === "elapsed" ? duration(x) : compact(x);
}
