/** What was learnt, epoch by epoch: one list a metric, with `null` where an epoch has none. */
export interface Curves {
  epochs: readonly number[];
  /** Seconds since the first epoch began, at the end of each. */
  seconds: readonly number[];
  /** Samples a second in each. */
  speeds: readonly number[];
  metrics: Readonly<Record<string, readonly (number | null)[]>>;
}

export interface EpochData {
  epoch: number;
  metrics: Record<string, number | null>;
  duration_seconds: number;
  samples_per_second: number;
}

export const NO_CURVES: Curves = { epochs: [], seconds: [], speeds: [], metrics: {} };

/**
 * Curves with epochs that came after them. Epochs that are known are passed over, as events may come twice.
 *
 * @returns null where some between are missing, so that all has to be read again.
 */
export function withEpochs(curves: Curves, more: readonly EpochData[]): Curves | null {
  let last = curves.epochs.at(-1) ?? 0;
  const fresh: EpochData[] = [];
  for (const epoch of more) {
    if (epoch.epoch <= last) continue;
    if (epoch.epoch > last + 1) return null;
    fresh.push(epoch);
    last = epoch.epoch;
  }
  return fresh.length === 0 ? curves : collected(curves, fresh);
}

/** Curves and what follows them, whatever is missing between. */
export function collected(curves: Curves, fresh: readonly EpochData[]): Curves {
  let time = curves.seconds.at(-1) ?? 0;
  const seconds = fresh.map((epoch) => {
    time += epoch.duration_seconds;
    return time;
  });
  const names = new Set([...Object.keys(curves.metrics), ...fresh.flatMap((epoch) => Object.keys(epoch.metrics))]);
  const before = curves.epochs.length;
  const metrics: Record<string, readonly (number | null)[]> = {};
  for (const name of names) {
    const known = curves.metrics[name] ?? new Array<null>(before).fill(null);
    metrics[name] = [...known, ...fresh.map((epoch) => epoch.metrics[name] ?? null)];
  }
  return {
    epochs: [...curves.epochs, ...fresh.map(({ epoch }) => epoch)],
    seconds: [...curves.seconds, ...seconds],
    speeds: [...curves.speeds, ...fresh.map((epoch) => epoch.samples_per_second)],
    metrics,
  };
}

/** Names of metrics without Keras's `val_`, the loss first, those that more curves have before others. */
export function metricNames(all: readonly Curves[]): string[] {
  const counts = new Map<string, number>();
  for (const { metrics } of all) {
    for (const name of new Set(Object.keys(metrics).map(baseName))) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const rank = (name: string) => (name === "loss" ? 0 : name === "learning_rate" ? 2 : 1);
  return [...counts.keys()].sort(
    (a, b) => rank(a) - rank(b) || (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || a.localeCompare(b),
  );
}

export function baseName(name: string): string {
  return name.startsWith("val_") ? name.slice(4) : name;
}

/** How fast the last epochs went: their mean, as one says little. */
export function paceOf({
  epochs,
  seconds,
  speeds,
}: Curves): { secondsPerEpoch: number; samplesPerSecond: number } | null {
  const last = epochs.length - 1;
  const many = Math.min(10, epochs.length - 1);
  // The first epoch is slower than the others, as the model is compiled in it.
  if (last < 0) return null;
  if (many === 0) return { secondsPerEpoch: seconds[0] ?? 0, samplesPerSecond: speeds[0] ?? 0 };
  const took = (seconds[last] ?? 0) - (seconds[last - many] ?? 0);
  const sum = speeds.slice(-many).reduce((total, speed) => total + speed, 0);
  return { secondsPerEpoch: took / many, samplesPerSecond: sum / many };
}

/** Seconds until the last epoch is done, if it goes on as it went. */
export function secondsLeft(curves: Curves, epochs: number | null): number | null {
  const pace = paceOf(curves);
  if (pace === null || epochs === null) return null;
  return Math.max(0, epochs - (curves.epochs.at(-1) ?? 0)) * pace.secondsPerEpoch;
}
