import { Button, Stack, Text } from "@mantine/core";
import { IconHourglass } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useMemo, useState } from "react";
import { type Items, listOf, type Views } from "@/api/resources";
import { seriesColour } from "@/app/theme";
import { Legend } from "@/components/chart";
import { Section } from "@/components/Section";
import { EmptyState, ErrorNotice, Loading } from "@/components/states";
import { CurvesPanel, type Run } from "@/pages/results/CurvesPanel";
import { NO_CURVES } from "@/pages/results/curves";
import { useCurves } from "@/pages/results/useCurves";
import { Comparison } from "./Comparison";
import { Matrices } from "./Matrices";
import { RunCards } from "./RunCards";
import { idsIn, type TrainingSearch, textOfIds, toggled } from "./view";

export interface TrainingRun extends Run {
  result: Items["results"];
}

interface TrainingProps {
  deployment: Views["deployments"];
  search: TrainingSearch;
  onSearch: (search: TrainingSearch) => void;
}

/** All models of a deployment together: how far they are, their curves, how they compare, and what they take for what. */
export function Training({ deployment, search, onSearch }: TrainingProps) {
  const list = useInfiniteQuery(listOf("results", { deployment_id: deployment.id }));
  const [lit, setLit] = useState<string | null>(null);
  const only = useMemo(() => idsIn(search.only), [search.only]);
  const hidden = useMemo(() => idsIn(search.hide), [search.hide]);
  const all = useMemo(
    () => list.data?.pages.flatMap((page) => page.items).sort((a, b) => a.id - b.id) ?? [],
    [list.data],
  );
  const chosen = useMemo(() => all.filter(({ id }) => only.size === 0 || only.has(id)), [all, only]);
  const curves = useCurves(useMemo(() => chosen.map(({ id }) => id), [chosen]));
  const runs = useMemo(
    () =>
      chosen.map(
        (result): TrainingRun => ({
          id: result.id,
          label: labelOf(result, all),
          colour: seriesColour(all.indexOf(result)),
          curves: curves.get(result.id) ?? NO_CURVES,
          result,
        }),
      ),
    [chosen, all, curves],
  );
  const shown = useMemo(() => runs.filter(({ id }) => !hidden.has(id)), [runs, hidden]);
  const toggle = useCallback(
    (id: string) => onSearch({ hide: textOfIds(toggled(hidden, Number(id))) }),
    [hidden, onSearch],
  );

  if (list.data === undefined) {
    return list.error === null ? (
      <Loading />
    ) : (
      <ErrorNotice error={list.error} title="Its results can't be shown" onRetry={() => void list.refetch()} />
    );
  }
  if (deployment.state === "awaiting") {
    return (
      <EmptyState
        icon={IconHourglass}
        title="It awaits its stream"
        text="Curves show here as soon as the first epoch has ended. The tab “Stream” has the program that sends it one."
      />
    );
  }
  return (
    <Stack gap="md">
      {only.size > 0 && only.size < all.length && (
        <Text size="sm" role="status">
          {runs.length} of {all.length} models are compared.{" "}
          <Button size="compact-xs" variant="default" onClick={() => onSearch({ only: undefined })}>
            Show all
          </Button>
        </Text>
      )}
      <RunCards runs={runs} lit={lit} onLight={setLit} />
      <Section title="Curves">
        <Legend
          label="Models"
          items={runs.map(({ id, label, colour }) => ({ id: String(id), label, colour }))}
          hidden={new Set([...hidden].map(String))}
          onToggle={toggle}
          lit={lit}
          onLight={setLit}
        />
        <CurvesPanel runs={shown} search={search} onSearch={onSearch} lit={lit} onLight={setLit} />
      </Section>
      <Comparison
        runs={runs}
        hidden={hidden}
        onToggle={toggle}
        search={search}
        onSearch={onSearch}
        lit={lit}
        onLight={setLit}
      />
      <Matrices runs={shown} lit={lit} onLight={setLit} />
    </Stack>
  );
}

/** A model's name; with its result's number where several have the same. */
function labelOf({ id, model_name }: Items["results"], all: readonly Items["results"][]): string {
  const many = all.filter((other) => other.model_name === model_name).length;
  return many > 1 ? `${model_name} (${id})` : model_name;
}
