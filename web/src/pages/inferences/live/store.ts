import { isBinary, type Prediction, type Summary } from "./reading";

/** Of the newest predictions so many stay, and of what happened each second so many seconds. */
export const MOST_LATEST = 1000;
export const SECONDS = 60;

/** What was predicted in one second. */
export interface Second {
  /** Seconds since 1970. */
  time: number;
  count: number;
  /** Of those that were looked at, how many were of each class. */
  classes: ReadonlyMap<string, number>;
}

export interface Row {
  /** Names the row; grows with each. */
  number: number;
  prediction: Prediction;
}

export interface Snapshot {
  seconds: readonly Second[];
  /** The newest last. */
  latest: readonly Row[];
  /** Counts since the page was opened. */
  count: number;
  lookedAt: number;
  right: number;
  judged: number;
  binary: boolean;
}

export const EMPTY: Snapshot = {
  seconds: [],
  latest: [],
  count: 0,
  lookedAt: 0,
  right: 0,
  judged: 0,
  binary: false,
};

/** What has been predicted lately, in bounded space. */
export class Predictions {
  private seconds: { time: number; count: number; classes: Map<string, number> }[] = [];
  private latest: Row[] = [];
  private number = 0;
  private count = 0;
  private lookedAt = 0;
  private right = 0;
  private judged = 0;

  /** Takes what had been predicted before, the newest first. */
  seed(predictions: readonly Prediction[]): void {
    if (this.latest.length > 0) return;
    this.latest = predictions.toReversed().map((prediction) => this.row(prediction));
  }

  add(summary: Summary): void {
    const time = Math.floor(new Date(summary.time).getTime() / 1000);
    const last = this.seconds.at(-1);
    const second = last?.time === time ? last : { time, count: 0, classes: new Map<string, number>() };
    if (second !== last) this.seconds.push(second);
    second.count += summary.count;
    for (const [name, times] of Object.entries(summary.classes ?? {}))
      second.classes.set(name, (second.classes.get(name) ?? 0) + times);
    this.seconds = this.seconds.filter((other) => other.time > time - SECONDS);
    this.count += summary.count;
    this.lookedAt += summary.looked_at;
    this.right += summary.right ?? 0;
    this.judged += summary.right === null ? 0 : summary.judged;
    this.latest.push(...summary.latest.map((prediction) => this.row(prediction)));
    if (this.latest.length > MOST_LATEST) this.latest.splice(0, this.latest.length - MOST_LATEST);
  }

  snapshot(): Snapshot {
    const { count, lookedAt, right, judged } = this;
    return {
      seconds: this.seconds.map(({ time, count: times, classes }) => ({
        time,
        count: times,
        classes: new Map(classes),
      })),
      latest: [...this.latest],
      count,
      lookedAt,
      right,
      judged,
      binary: isBinary(this.latest.slice(-50).map(({ prediction }) => prediction)),
    };
  }

  private row(prediction: Prediction): Row {
    this.number += 1;
    return { number: this.number, prediction };
  }
}

/** How often each class was predicted in some seconds, by the class's number. */
export function sharesOf(seconds: readonly Second[]): { name: string; times: number; share: number }[] {
  const times = new Map<string, number>();
  for (const { classes } of seconds)
    for (const [name, count] of classes) times.set(name, (times.get(name) ?? 0) + count);
  const all = [...times.values()].reduce((sum, count) => sum + count, 0);
  return [...times]
    .map(([name, count]) => ({ name, times: count, share: all === 0 ? 0 : count / all }))
    .sort((one, other) => Number(one.name) - Number(other.name));
}
