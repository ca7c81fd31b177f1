import { useQueries } from "@tanstack/react-query";
import { useCallback } from "react";
import type { Schemas } from "@/api/client";
import { compact, count, duration, metric, rate } from "@/components/formats";
import { type By, type Standing, standing } from "@/pages/results/compare";
import { baseName, metricNames, paceOf } from "@/pages/results/curves";
import type { TrainingRun } from "./Training";
import { versionOf } from "./versions";

export interface CompareColumn {
  id: string;
  header: string;
  /** What it is ordered by. */
  value: (run: TrainingRun) => number | string | null;
  text?: (run: TrainingRun) => string;
  hint?: (run: TrainingRun) => string | undefined;
  /** The metric that it shows, where one value is better than another. */
  metric?: string;
}

/** What models are compared by: the test part first, as it says most, then validation and training, then what it took. */
export function columnsOf(
  runs: readonly TrainingRun[],
  by: By,
  at: number,
  parameters: ReadonlyMap<number, number>,
): CompareColumn[] {
  const names = metricNames(runs.map(({ curves }) => curves));
  const tested = [...new Set(runs.flatMap(({ result }) => Object.keys(result.test_metrics ?? {})))];
  const has = (name: string) => runs.some(({ curves }) => curves.metrics[name] !== undefined);
  const curves = [...names.map((name) => `val_${name}`), ...names].filter(has);
  return [
    ...tested.map(
      (name): CompareColumn => ({
        id: `test_${name}`,
        header: `test ${name}`,
        metric: name,
        value: ({ result }) => result.test_metrics?.[name] ?? null,
      }),
    ),
    ...curves.map((name): CompareColumn => {
      const known = new Map<number, Standing | null>();
      // Looked for once, as it is asked for with every order and with whatever is pointed at.
      const found = (run: TrainingRun) => {
        const value = known.get(run.id);
        if (value !== undefined) return value;
        const fresh = standing(run.curves, name, by, at);
        known.set(run.id, fresh);
        return fresh;
      };
      return {
        id: name,
        header: name === baseName(name) ? name : `val ${baseName(name)}`,
        metric: name,
        value: (run) => found(run)?.value ?? null,
        text: (run) => metric(found(run)?.value),
        hint: (run) => {
          const epoch = found(run)?.epoch;
          return epoch === undefined ? undefined : `at epoch ${epoch}`;
        },
      };
    }),
    {
      id: "epochs",
      header: "Epochs",
      value: ({ result, curves: { epochs } }) => Math.max(result.epochs_done, epochs.at(-1) ?? 0),
      text: ({ result, curves: { epochs } }) => count(Math.max(result.epochs_done, epochs.at(-1) ?? 0)),
    },
    {
      id: "parameters",
      header: "Parameters",
      value: ({ id }) => parameters.get(id) ?? null,
      text: ({ id }) => compact(parameters.get(id)),
    },
    {
      id: "took",
      header: "Took",
      value: ({ result, curves: { seconds } }) => result.duration_seconds ?? seconds.at(-1) ?? null,
      text: ({ result, curves: { seconds } }) => duration(result.duration_seconds ?? seconds.at(-1)),
    },
    {
      id: "speed",
      header: "Samples/s",
      value: (run) => paceOf(run.curves)?.samplesPerSecond ?? null,
      text: (run) => rate(paceOf(run.curves)?.samplesPerSecond),
    },
  ];
}

/** How many parameters the model of each result has. */
export function useParameters(runs: readonly TrainingRun[]): ReadonlyMap<number, number> {
  const combine = useCallback(
    (versions: readonly { data: Schemas["VersionView"] | undefined }[]) =>
      new Map(
        versions.flatMap(({ data }, index) => {
          const id = runs[index]?.id;
          return id === undefined || !data?.summary ? [] : [[id, data.summary.parameters] as const];
        }),
      ),
    [runs],
  );
  return useQueries({
    queries: runs.map(({ result }) => versionOf(result.model_id, result.model_version)),
    combine,
  });
}
