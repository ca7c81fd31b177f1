import { Group, MultiSelect, SegmentedControl, Slider, Stack, Text } from "@mantine/core";
import { memo, useMemo } from "react";
import { type Line, LineChart, smoothed } from "@/components/chart";
import { baseName, type Curves, metricNames } from "./curves";
import classes from "./training.module.css";

/** A training whose curves are drawn. */
export interface Run {
  id: number;
  label: string;
  colour: string;
  curves: Curves;
}

/** What of the curves is shown and how; kept in the address. */
export interface CurvesSearch {
  metric?: string | undefined;
  smooth?: string | undefined;
  axis?: string | undefined;
  scale?: string | undefined;
  show?: string | undefined;
}

interface CurvesPanelProps {
  runs: readonly Run[];
  search: CurvesSearch;
  onSearch: (search: CurvesSearch) => void;
  lit?: string | null;
  onLight?: (group: string | null) => void;
}

const FIRST = 4;

/** The curves of one or more trainings, a chart a metric; training is solid, validation dashed. */
export function CurvesPanel({ runs, search, onSearch, lit = null, onLight }: CurvesPanelProps) {
  const names = useMemo(() => metricNames(runs.map(({ curves }) => curves)), [runs]);
  const chosen = chosenOf(names, search);
  const weight = weightOf(search.smooth);
  return (
    <Stack gap="md">
      <Controls names={names} search={search} onSearch={onSearch} />
      <div className={classes.charts}>
        {chosen.map((name) => (
          <MetricChart key={name} name={name} runs={runs} search={search} weight={weight} lit={lit} onLight={onLight} />
        ))}
      </div>
    </Stack>
  );
}

function chosenOf(names: readonly string[], { metric }: CurvesSearch): string[] {
  return metric === undefined ? names.slice(0, FIRST) : metric.split(",").filter(Boolean);
}

interface ControlsProps {
  names: string[];
  search: CurvesSearch;
  onSearch: (search: CurvesSearch) => void;
}

/** Not drawn anew with whatever is pointed at. */
const Controls = memo(function Controls({ names, search, onSearch }: ControlsProps) {
  const chosen = chosenOf(names, search);
  const weight = weightOf(search.smooth);
  const set = (next: CurvesSearch) => onSearch({ ...search, ...next });
  return (
    <Group gap="md" align="flex-end">
      <MultiSelect
        size="xs"
        label="Metrics"
        data={names}
        value={chosen}
        onChange={(values) => set({ metric: values.join(",") })}
        miw={200}
        maw={420}
        searchable
      />
      <Choice
        label="Parts"
        value={search.show ?? "both"}
        data={["both", "training", "validation"]}
        onChange={(show) => set({ show: show === "both" ? undefined : show })}
      />
      <Choice
        label="Over"
        value={search.axis ?? "epoch"}
        data={["epoch", "time"]}
        onChange={(axis) => set({ axis: axis === "epoch" ? undefined : axis })}
      />
      <Choice
        label="Scale"
        value={search.scale ?? "linear"}
        data={["linear", "log"]}
        onChange={(scale) => set({ scale: scale === "linear" ? undefined : scale })}
      />
      <div>
        <Text size="xs" fw={500} mb={8}>
          Smoothing <span className="quiet numeric">{weight.toFixed(2)}</span>
        </Text>
        <Slider
          key={search.smooth === undefined ? "none" : "some"}
          w={140}
          size="sm"
          min={0}
          max={0.99}
          step={0.01}
          label={null}
          thumbLabel="Smoothing"
          defaultValue={weight}
          onChangeEnd={(value) => set({ smooth: value === 0 ? undefined : String(value) })}
          pb={6}
        />
      </div>
    </Group>
  );
});

function weightOf(text: string | undefined): number {
  const weight = Number(text ?? 0);
  return Number.isFinite(weight) ? Math.min(0.99, Math.max(0, weight)) : 0;
}

interface MetricChartProps {
  name: string;
  runs: readonly Run[];
  search: CurvesSearch;
  weight: number;
  lit: string | null;
  onLight: ((group: string | null) => void) | undefined;
}

function MetricChart({ name, runs, search, weight, lit, onLight }: MetricChartProps) {
  const { axis, scale, show } = search;
  const lines = useMemo(() => {
    const kept = Object.keys({ [name]: 1, [`val_${name}`]: 1 }).filter(
      (full) => show === undefined || (show === "validation") === (full !== baseName(full)),
    );
    return smoothed(
      runs.flatMap((run) => kept.flatMap((full) => lineOf(run, full, axis === "time"))),
      weight,
    );
  }, [runs, name, axis, show, weight]);
  return (
    <LineChart
      label={`${name} over ${axis === "time" ? "time" : "epochs"}`}
      title={name}
      lines={lines}
      xKind={axis === "time" ? "elapsed" : "number"}
      xLabel={axis === "time" ? "After" : "Epoch"}
      log={scale === "log"}
      sync="curves"
      lit={lit}
      {...(onLight === undefined ? {} : { onLight })}
    />
  );
}

function lineOf({ id, label, colour, curves }: Run, name: string, overTime: boolean): Line[] {
  const y = curves.metrics[name];
  if (y === undefined) return [];
  const isValidation = name !== baseName(name);
  const x = overTime ? curves.seconds : curves.epochs;
  const said = isValidation ? `${label}, val` : label;
  return [{ id: `${id} ${name}`, label: said, colour, x, y, dashed: isValidation, group: String(id) }];
}

interface ChoiceProps {
  label: string;
  value: string;
  data: string[];
  onChange: (value: string) => void;
}

function Choice({ label, value, data, onChange }: ChoiceProps) {
  return (
    <div>
      <Text size="xs" fw={500} mb={2}>
        {label}
      </Text>
      <SegmentedControl size="xs" aria-label={label} data={data} value={value} onChange={onChange} />
    </div>
  );
}
