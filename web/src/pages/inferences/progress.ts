import type { LiveEvent } from "@/api/live";

/** What a replica said of itself, at a moment in seconds since 1970. */
export interface Report {
  time: number;
  replica: number;
  rate: number;
  p50: number | null;
  p99: number | null;
  lag: number;
}

/** What all replicas together did, at a moment. */
export interface Moment {
  time: number;
  rate: number;
  p50: number | null;
  p99: number | null;
  lag: number;
}

const PROGRESS = "kafka-ml.inference.progress";
/** So much of the past is shown. */
const SHOWN_S = 600;
/** A replica that has said nothing for so long has no rate. */
const SILENT_S = 15;

/** What an event reports of an inference; null if it is none of these. */
export function reportOf(event: LiveEvent): (Report & { inference: number }) | null {
  if (event.type !== PROGRESS) return null;
  const { inference_id: inference, replica, rate, lag } = event.data;
  if (typeof inference !== "number" || typeof rate !== "number" || typeof lag !== "number") return null;
  return {
    inference,
    time: new Date(event.time).getTime() / 1000,
    replica: typeof replica === "number" ? replica : 0,
    rate,
    lag,
    p50: numberOrNull(event.data.latency_p50_ms),
    p99: numberOrNull(event.data.latency_p99_ms),
  };
}

/**
 * Predictions a second at this moment. Replicas report only while anything changes, so a rate that was reported long ago is none.
 *
 * `since` is from when on reports were heard, in seconds since 1970 as `now` is.
 */
export function rateNow(reported: number, moment: Moment | undefined, since: number, now: number): number {
  return now - (moment?.time ?? since) > SILENT_S ? 0 : (moment?.rate ?? reported);
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

/** The course of an inference: rates and lags of its replicas added, of the latencies the worst. The last `most` moments of ten minutes stay. */
export class Course {
  private readonly last = new Map<number, Report>();
  private readonly most: number;
  moments: readonly Moment[] = [];

  constructor(most: number) {
    this.most = most;
  }

  add(report: Report): void {
    this.last.set(report.replica, report);
    for (const [replica, { time }] of this.last) if (report.time - time > SILENT_S) this.last.delete(replica);
    const all = [...this.last.values()];
    const moment: Moment = {
      time: report.time,
      rate: sum(all.map(({ rate }) => rate)),
      lag: sum(all.map(({ lag }) => lag)),
      p50: worst(all.map(({ p50 }) => p50)),
      p99: worst(all.map(({ p99 }) => p99)),
    };
    const before = this.moments.at(-1);
    // Events that were missed come again in their order; what is older than the last is nothing new.
    if (before !== undefined && moment.time < before.time) return;
    const kept = this.moments.filter(({ time }) => time < moment.time && time > moment.time - SHOWN_S);
    this.moments = [...kept.slice(-(this.most - 1)), moment];
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}

function worst(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
