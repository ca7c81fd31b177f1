import { memo, useMemo } from "react";
import { seriesColour } from "@/app/theme";
import { type Line, LineChart } from "@/components/chart";
import { compact, milliseconds, rate } from "@/components/formats";
import type { Moment } from "../progress";
import classes from "./live.module.css";

/** Replicas report while anything changes; over a longer silence no line is drawn. */
const SILENT_S = 30;

function lineOf(
  moments: readonly Moment[],
  id: string,
  label: string,
  colour: string,
  measure: (moment: Moment) => number | null,
  dashed = false,
): Line {
  const x: number[] = [];
  const y: (number | null)[] = [];
  for (const moment of moments) {
    const before = x.at(-1);
    if (before !== undefined && moment.time - before > SILENT_S) {
      x.push(before + 1);
      y.push(null);
    }
    x.push(moment.time);
    y.push(measure(moment));
  }
  return { id, label, colour, dashed, x, y };
}

/** How fast, how late and how far behind an inference was in the last minutes; drawn anew only when there is a new moment. */
export const CourseCharts = memo(function CourseCharts({ moments }: { moments: readonly Moment[] }) {
  const [speed, latencies, lags] = useMemo(
    () => [
      [lineOf(moments, "rate", "Rate", seriesColour(0), (moment) => moment.rate)],
      [
        lineOf(moments, "p50", "p50", seriesColour(2), (moment) => moment.p50),
        lineOf(moments, "p99", "p99", seriesColour(1), (moment) => moment.p99, true),
      ],
      [lineOf(moments, "lag", "Lag", seriesColour(3), (moment) => moment.lag)],
    ],
    [moments],
  );
  const common = { xKind: "time", height: 160, sync: "inference" } as const;
  return (
    <div className={classes.charts}>
      <LineChart {...common} label="Rate" lines={speed ?? []} format={rate} />
      <LineChart
        {...common}
        label="Latency"
        lines={latencies ?? []}
        format={milliseconds}
        title="Latency: p50, p99 (dashed)"
      />
      <LineChart {...common} label="Lag" lines={lags ?? []} format={compact} title="Lag: messages that wait" />
    </div>
  );
});
