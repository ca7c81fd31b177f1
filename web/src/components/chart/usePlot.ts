import { useComputedColorScheme } from "@mantine/core";
import { type RefObject, useEffect, useEffectEvent, useRef, useState } from "react";
import uPlot from "uplot";
import { metric } from "@/components/formats";
import type { LineChartProps } from "./chart";
import { extent, groupOf, joined, thinned } from "./lines";
import { optionsOf } from "./options";

type Range = readonly [from: number, to: number];

/** Where the cursor is, and the value of each line there. */
export interface Pointed {
  left: number;
  width: number;
  x: number;
  values: readonly (number | null)[];
  nearest: number | null;
}

/** uPlot in a frame: made anew where its lines, scales or colours are others, otherwise only given new points. */
export function usePlot(frame: RefObject<HTMLDivElement | null>, props: LineChartProps) {
  const { lines, height = 240, xKind = "number", log = false, sync, lit = null } = props;
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const plot = useRef<uPlot | null>(null);
  const zoom = useRef<Range | null>(null);
  const own = useRef(false);
  const [zoomed, setZoomed] = useState(false);
  const [pointed, setPointed] = useState<Pointed | null>(null);

  const put = useEffectEvent((chart: uPlot) => {
    const all = extent(lines);
    const range = zoom.current ?? all;
    const buckets = Math.max(100, chart.width);
    const few = range === null ? lines : lines.map((line) => thinned(line, range[0], range[1], buckets));
    own.current = true;
    chart.batch(() => {
      chart.setData(joined(few, log) as uPlot.AlignedData, false);
      if (range !== null) chart.setScale("x", { min: range[0], max: range[1] > range[0] ? range[1] : range[0] + 1 });
    });
    own.current = false;
  });
  const light = useEffectEvent((chart: uPlot) => {
    lines.forEach((line, index) => {
      const series = chart.series[index + 1];
      if (series === undefined) return;
      const isLit = lit === groupOf(line);
      series.width = line.faint ? 1 : isLit ? 3 : 1.75;
      series.alpha = lit === null || isLit ? 1 : 0.18;
    });
    chart.redraw(false, false);
  });
  const onZoom = useEffectEvent((chart: uPlot) => {
    if (own.current) return;
    const { min, max } = chart.scales.x ?? {};
    const all = extent(lines);
    if (min === undefined || max === undefined || min === null || max === null || all === null) return;
    zoom.current = min <= all[0] && max >= all[1] ? null : [min, max];
    setZoomed(zoom.current !== null);
    // With fewer points in sight, those that were thinned out come back.
    requestAnimationFrame(() => plot.current === chart && put(chart));
  });
  const onPoint = useEffectEvent((chart: uPlot) => {
    const { left = -1, idx, idxs } = chart.cursor;
    if (left < 0 || idx === null || idx === undefined) {
      setPointed(null);
      return;
    }
    const values = lines.map((_, index) => {
      const at = idxs?.[index + 1];
      return at === null || at === undefined ? null : (chart.data[index + 1]?.[at] ?? null);
    });
    const nearest = nearestOf(chart);
    setPointed({
      left: left + chart.bbox.left / uPlot.pxRatio,
      width: chart.width,
      x: chart.data[0][idx] ?? 0,
      values,
      nearest,
    });
  });
  const onNear = useEffectEvent((index: number | null) => {
    const line = index === null ? undefined : lines[index - 1];
    props.onLight?.(line === undefined ? null : groupOf(line));
  });
  const make = useEffectEvent((target: HTMLElement) => {
    const format = (value: number) => (props.format ?? axisText)(value);
    const hooks: uPlot.Hooks.Arrays = {
      setScale: [(chart, key) => key === "x" && onZoom(chart)],
      setCursor: [(chart) => onPoint(chart)],
      setSeries: [(_, index) => onNear(index)],
    };
    const onReset = () => resetAll();
    const wishes = {
      width: Math.max(120, target.clientWidth),
      height,
      lines,
      scheme,
      xKind,
      log,
      sync,
      format,
      hooks,
      onReset,
    };
    return new uPlot(optionsOf(wishes), joined([], log) as uPlot.AlignedData, target);
  });

  const form = JSON.stringify([lines.map(({ id, colour, dashed, faint }) => [id, colour, dashed, faint])]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: these are what a chart can't change once it is made
  useEffect(() => {
    const target = frame.current;
    if (target === null) return;
    const chart = make(target);
    plot.current = chart;
    put(chart);
    light(chart);
    const watcher = new ResizeObserver(() => chart.setSize({ width: Math.max(120, target.clientWidth), height }));
    watcher.observe(target);
    return () => {
      watcher.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [form, scheme, xKind, log, height, sync]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: new points are drawn with the next frame, however many came
  useEffect(() => {
    const drawing = requestAnimationFrame(() => plot.current !== null && put(plot.current));
    return () => cancelAnimationFrame(drawing);
  }, [lines]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: so is what is lit
  useEffect(() => {
    if (plot.current !== null) light(plot.current);
  }, [lit]);
  // What was zoomed into by epochs means nothing in seconds.
  // biome-ignore lint/correctness/useExhaustiveDependencies: as it says
  useEffect(() => reset(), [xKind]);

  function reset() {
    zoom.current = null;
    setZoomed(false);
    if (plot.current !== null) put(plot.current);
  }
  function resetAll() {
    reset();
    const { min, max } = plot.current?.scales.x ?? {};
    if (sync === undefined || typeof min !== "number" || typeof max !== "number") return;
    for (const other of uPlot.sync(sync).plots) if (other !== plot.current) other.setScale("x", { min, max });
  }
  return { pointed, zoomed, reset: resetAll };
}

function nearestOf(chart: uPlot): number | null {
  const index = chart.series.findIndex(
    (series, at) => at > 0 && (series as { _focus?: boolean | null })._focus === true,
  );
  return index < 0 ? null : index - 1;
}

function axisText(value: number): string {
  const size = Math.abs(value);
  return size === 0 || (size >= 1e-3 && size < 1e6) ? String(Number(value.toPrecision(4))) : metric(value);
}
