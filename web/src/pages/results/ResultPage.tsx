import { Anchor, Stack, Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { itemOf, type Views } from "@/api/resources";
import { seriesColour } from "@/app/theme";
import { DiagnosisNotice } from "@/components/Diagnosis";
import { FailureNotice } from "@/components/FailureNotice";
import { LogView } from "@/components/LogView";
import { PageHeader } from "@/components/PageHeader";
import { Section } from "@/components/Section";
import { StateBadge } from "@/components/StateBadge";
import { Loaded } from "@/components/states";
import { hasEnded } from "./actions";
import { CurvesPanel, type CurvesSearch } from "./CurvesPanel";
import { secondsLeft } from "./curves";
import { EpochProgress } from "./EpochProgress";
import { EpochsTable } from "./EpochsTable";
import { ResultActions } from "./ResultActions";
import { ResultFacts, ResultMetrics } from "./ResultFacts";
import { ResultInferences } from "./ResultInferences";
import { ResultMatrix } from "./ResultMatrix";
import { useCurves } from "./useCurves";

const TABS = ["curves", "matrix", "epochs", "log", "inferences"] as const;
type Tab = (typeof TABS)[number];
const NAMES: Record<Tab, string> = {
  curves: "Curves",
  matrix: "Confusion matrix",
  epochs: "Epochs",
  log: "Log",
  inferences: "Inferences",
};

export function ResultPage() {
  const { id } = useParams({ from: "/results/$id" });
  const result = useQuery(itemOf("results", id));
  return (
    <Loaded query={result} failure="The result can't be shown">
      {(data) => <Result result={data} />}
    </Loaded>
  );
}

function Result({ result }: { result: Views["results"] }) {
  const search = useSearch({ from: "/results/$id" });
  const navigate = useNavigate({ from: "/results/$id" });
  const curves = useCurves([result.id]).get(result.id);
  const tab = TABS.find((name) => name === search.tab) ?? "curves";
  const setSearch = (next: CurvesSearch & { tab?: string | undefined }) =>
    void navigate({ search: (before) => kept({ ...before, ...next }), replace: true, resetScroll: false });
  const left = curves === undefined ? null : secondsLeft(curves, result.epochs);
  const runs =
    curves === undefined ? [] : [{ id: result.id, label: result.model_name, colour: seriesColour(0), curves }];

  return (
    <>
      <PageHeader
        title={result.model_name}
        parent={{ label: "Results", to: "/results" }}
        badge={<StateBadge state={result.state} size="lg" />}
        description={
          <>
            Result {result.id} of{" "}
            <Anchor component={Link} to={`/deployments/${result.deployment_id}`}>
              deployment {result.deployment_id}
            </Anchor>
            , version {result.model_version} of{" "}
            <Anchor component={Link} to={`/models/${result.model_id}`}>
              the model
            </Anchor>
          </>
        }
        actions={<ResultActions result={result} />}
      />
      <Stack gap="md">
        {result.failure !== null && <FailureNotice failure={result.failure} waiting={!hasEnded(result)} />}
        {!hasEnded(result) && <DiagnosisNotice resource="results" id={result.id} />}
        {!hasEnded(result) && (
          <Section title="Progress">
            <EpochProgress
              state={result.state}
              epochs={result.epochs}
              done={Math.max(result.epochs_done, curves?.epochs.at(-1) ?? 0)}
              left={left}
              label={result.model_name}
            />
          </Section>
        )}
        <ResultMetrics result={result} />
        <Tabs value={tab} onChange={(next) => setSearch({ tab: next ?? undefined })} keepMounted={false}>
          <Tabs.List mb="md" style={{ flexWrap: "nowrap", overflowX: "auto" }}>
            {TABS.map((name) => (
              <Tabs.Tab key={name} value={name}>
                {NAMES[name]}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          <Tabs.Panel value="curves">
            <Section title="Curves">
              <CurvesPanel runs={runs} search={search} onSearch={setSearch} />
            </Section>
          </Tabs.Panel>
          <Tabs.Panel value="matrix">
            <Section title="Confusion matrix">
              <ResultMatrix id={result.id} label={result.model_name} hasEnded={hasEnded(result)} />
            </Section>
          </Tabs.Panel>
          <Tabs.Panel value="epochs">
            <Section title="Epochs">{curves !== undefined && <EpochsTable curves={curves} />}</Section>
          </Tabs.Panel>
          <Tabs.Panel value="log">
            <LogView source={`/api/v1/results/${result.id}/log`} running={!hasEnded(result)} />
          </Tabs.Panel>
          <Tabs.Panel value="inferences">
            <ResultInferences result={result} />
          </Tabs.Panel>
        </Tabs>
        <Section title="Facts">
          <ResultFacts result={result} />
        </Section>
      </Stack>
    </>
  );
}

/** Without what is not set, so that it does not show in the address. */
function kept<T extends Record<string, string | undefined>>(search: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
