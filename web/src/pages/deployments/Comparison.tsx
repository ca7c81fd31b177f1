import {
  ActionIcon,
  Checkbox,
  Group,
  NumberInput,
  SegmentedControl,
  Table,
  Text,
  Tooltip,
  UnstyledButton,
} from "@mantine/core";
import { IconArrowDown, IconArrowUp, IconDownload, IconSelector, IconTopologyStar3 } from "@tabler/icons-react";
import { useMemo } from "react";
import { metric as metricText } from "@/components/formats";
import { LinkAnchor, LinkIcon } from "@/components/links";
import { Section } from "@/components/Section";
import { modelAddress } from "@/pages/results/actions";
import { type By, best, isHigherBetter, sortedBy } from "@/pages/results/compare";
import classes from "@/pages/results/training.module.css";
import { type CompareColumn, columnsOf, useParameters } from "./columns";
import type { TrainingRun } from "./Training";
import type { TrainingSearch } from "./view";

interface ComparisonProps {
  runs: readonly TrainingRun[];
  hidden: ReadonlySet<number>;
  onToggle: (id: string) => void;
  search: TrainingSearch;
  onSearch: (search: TrainingSearch) => void;
  lit: string | null;
  onLight: (group: string | null) => void;
}

const WAYS: readonly { value: By; label: string }[] = [
  { value: "best", label: "Best" },
  { value: "last", label: "Last" },
  { value: "at", label: "At epoch" },
];

/** The models of a deployment side by side, in order of any of their numbers; the best of each stands out. */
export function Comparison({ runs, hidden, onToggle, search, onSearch, lit, onLight }: ComparisonProps) {
  const by = WAYS.find(({ value }) => value === search.by)?.value ?? "last";
  const last = Math.max(1, ...runs.map(({ curves }) => curves.epochs.at(-1) ?? 1));
  const at = /^\d+$/.test(search.at ?? "") ? Number(search.at) : last;
  const parameters = useParameters(runs);
  const columns = useMemo(() => columnsOf(runs, by, at, parameters), [runs, by, at, parameters]);
  const isDescending = search.sort?.startsWith("-") ?? false;
  const sort = search.sort?.replace(/^-/, "");
  const sorting = columns.find(({ id }) => id === sort);
  const rows = sorting === undefined ? runs : sortedBy(runs, sorting.value, isDescending);
  return (
    <Section
      title="Comparison"
      actions={
        <Group gap="xs">
          <Text size="xs" className="quiet">
            Training and validation:
          </Text>
          <SegmentedControl
            size="xs"
            aria-label="Which value of each curve"
            data={[...WAYS]}
            value={by}
            onChange={(next) =>
              onSearch({ by: next === "last" ? undefined : next, at: next === "at" ? search.at : undefined })
            }
          />
          {by === "at" && (
            <NumberInput
              size="xs"
              w={84}
              aria-label="Epoch"
              min={1}
              max={last}
              value={at}
              onChange={(value) => onSearch({ at: value === "" ? undefined : String(value) })}
            />
          )}
        </Group>
      }
    >
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by keyboard */}
      <section className={classes.scroll} aria-label="Comparison of the models" tabIndex={0}>
        <Table fz="sm" verticalSpacing={6} horizontalSpacing={8} className={`numeric ${classes.compared}`}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={32}>
                <span className={classes.unseen}>Drawn</span>
              </Table.Th>
              <Heading
                column={{ id: "model", header: "Model", value: ({ label }) => label }}
                sort={search.sort}
                onSearch={onSearch}
              />
              {columns.map((column) => (
                <Heading key={column.id} column={column} sort={search.sort} onSearch={onSearch} />
              ))}
              <Table.Th>
                <span className={classes.unseen}>Actions</span>
              </Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {(sort === "model" ? sortedBy(runs, ({ label }) => label, isDescending) : rows).map((run) => (
              <Table.Tr
                key={run.id}
                className={lit === String(run.id) ? classes.lit : undefined}
                onPointerEnter={() => onLight(String(run.id))}
                onPointerLeave={() => onLight(null)}
              >
                <Table.Td>
                  <Checkbox
                    size="xs"
                    color={run.colour}
                    aria-label={`Draw ${run.label}`}
                    checked={!hidden.has(run.id)}
                    onChange={() => onToggle(String(run.id))}
                  />
                </Table.Td>
                <Table.Th scope="row" fw={550} style={{ whiteSpace: "nowrap" }}>
                  <LinkAnchor to="/results/$id" params={{ id: run.id }} c="inherit" size="sm">
                    {run.label}
                  </LinkAnchor>
                </Table.Th>
                {columns.map((column) => (
                  <Cell key={column.id} column={column} run={run} runs={runs} />
                ))}
                <Table.Td>{run.result.has_model && <Actions run={run} />}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </section>
    </Section>
  );
}

interface HeadingProps {
  column: CompareColumn;
  sort: string | undefined;
  onSearch: (search: TrainingSearch) => void;
}

function Heading({ column, sort, onSearch }: HeadingProps) {
  const { id, header, metric } = column;
  const isUp = sort === id;
  const isDown = sort === `-${id}`;
  const Icon = isUp ? IconArrowUp : isDown ? IconArrowDown : IconSelector;
  // The best comes first at the first click.
  const first = metric !== undefined && isHigherBetter(metric) ? `-${id}` : id;
  const other = first === id ? `-${id}` : id;
  return (
    <Table.Th
      className={id === "model" ? undefined : classes.number}
      aria-sort={isUp ? "ascending" : isDown ? "descending" : "none"}
    >
      <UnstyledButton className={classes.sort} onClick={() => onSearch({ sort: sort === first ? other : first })}>
        {header} <Icon size={13} aria-hidden />
      </UnstyledButton>
    </Table.Th>
  );
}

function Cell({ column, run, runs }: { column: CompareColumn; run: TrainingRun; runs: readonly TrainingRun[] }) {
  const value = column.value(run);
  const text = column.text?.(run) ?? (typeof value === "number" ? metricText(value) : "–");
  const values = column.metric === undefined ? [] : runs.map((other) => column.value(other));
  const isBest =
    column.metric !== undefined &&
    values.filter((other) => other !== null).length > 1 &&
    value !== null &&
    value ===
      best(
        column.metric,
        values.filter((other) => typeof other === "number"),
      );
  return (
    <Table.Td className={classes.number}>
      <span className={isBest ? classes.best : undefined} title={column.hint?.(run)}>
        {isBest && <span aria-hidden>★ </span>}
        {text}
        {isBest && <span className={classes.unseen}> (the best)</span>}
      </span>
    </Table.Td>
  );
}

function Actions({ run }: { run: TrainingRun }) {
  return (
    <Group gap={4} wrap="nowrap" justify="flex-end">
      <Tooltip label="Download the model">
        <ActionIcon
          component="a"
          href={modelAddress(run.id)}
          download
          variant="subtle"
          color="gray"
          aria-label={`Download the model of ${run.label}`}
        >
          <IconDownload size={16} />
        </ActionIcon>
      </Tooltip>
      <Tooltip label="Deploy for inference">
        <LinkIcon
          to="/inferences/new"
          search={{ result: String(run.id) }}
          variant="subtle"
          color="gray"
          aria-label={`Deploy ${run.label} for inference`}
        >
          <IconTopologyStar3 size={16} />
        </LinkIcon>
      </Tooltip>
    </Group>
  );
}
