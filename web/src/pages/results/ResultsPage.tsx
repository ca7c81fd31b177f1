import { Anchor, Button, Text } from "@mantine/core";
import { IconChartLine } from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Items } from "@/api/resources";
import type { Column } from "@/components/DataTable";
import { duration, metric } from "@/components/formats";
import { type BulkAction, ListPage, TwoLines } from "@/components/ListPage";
import { StateBadge } from "@/components/StateBadge";
import { EmptyState } from "@/components/states";
import { Elapsed } from "@/components/time";
import { hasEnded, useDeleteResults } from "./actions";
import { EpochProgress } from "./EpochProgress";
import classes from "./training.module.css";

type Result = Items["results"];

const COLUMNS: readonly Column<Result>[] = [
  {
    id: "model",
    header: "Model",
    width: "minmax(140px, 2.2fr)",
    cell: (result) => (
      <TwoLines
        first={
          <Anchor component={Link} to={`/results/${result.id}`} c="inherit">
            {result.model_name}
          </Anchor>
        }
        second={<Second result={result} />}
      />
    ),
  },
  { id: "state", header: "State", width: "minmax(118px, 1fr)", cell: ({ state }) => <StateBadge state={state} /> },
  {
    id: "epochs",
    header: "Epochs",
    width: "minmax(120px, 1fr)",
    hideBelow: "sm",
    cell: (result) => (
      <EpochProgress
        state={result.state}
        epochs={result.epochs}
        done={result.epochs_done}
        label={`${result.model_name}, result ${result.id}`}
      />
    ),
  },
  {
    id: "test",
    header: "Test",
    width: "minmax(110px, 1fr)",
    align: "right",
    hideBelow: "sm",
    cell: (result) => <Main metrics={result.test_metrics} />,
  },
  {
    id: "validation",
    header: "Validation",
    width: "minmax(110px, 1fr)",
    align: "right",
    hideBelow: "md",
    cell: (result) => <Main metrics={result.validation_metrics} />,
  },
  {
    id: "duration",
    header: "Took",
    width: "96px",
    align: "right",
    hideBelow: "sm",
    cell: ({ started_at, ended_at, duration_seconds: took }) =>
      took === null ? <Elapsed since={started_at} until={ended_at} /> : duration(took),
  },
  {
    id: "deployment",
    header: "Deployment",
    width: "96px",
    align: "right",
    hideBelow: "sm",
    cell: ({ deployment_id }) => (
      <Anchor component={Link} to={`/deployments/${deployment_id}`} size="sm">
        {deployment_id}
      </Anchor>
    ),
  },
];

function Second({ result }: { result: Result }) {
  if (result.failure !== null && result.state !== "finished") {
    return (
      <span className={result.state === "failed" ? classes.reason : classes.waits} title={result.failure.message}>
        {result.failure.message}
      </span>
    );
  }
  return (
    <>
      Result {result.id}, version {result.model_version}
    </>
  );
}

/** The first metrics of a part, the score before the loss. */
function Main({ metrics }: { metrics: Record<string, number | null> | null }) {
  const known = Object.entries(metrics ?? {}).sort(([a], [b]) => Number(a === "loss") - Number(b === "loss"));
  const [first] = known;
  if (first === undefined) return <span className="quiet">–</span>;
  return (
    <div className="numeric" title={known.map(([name, value]) => `${name} ${metric(value)}`).join(", ")}>
      <TwoLines first={metric(first[1])} second={first[0]} />
    </div>
  );
}

export function ResultsPage() {
  const search = useSearch({ from: "/results" });
  const navigate = useNavigate({ from: "/results" });
  const remove = useDeleteResults();
  const bulk: readonly BulkAction<Result>[] = [
    {
      label: "Compare",
      obstacle: (rows) =>
        new Set(rows.map((row) => row.deployment_id)).size > 1
          ? "They are of several deployments, which may have learnt from other streams. Choose results of one."
          : null,
      run: async (rows) => {
        const [first] = rows;
        if (first === undefined) return true;
        void navigate({
          to: "/deployments/$id",
          params: { id: first.deployment_id },
          search: { only: rows.map(({ id }) => id).join(",") },
        });
        return false;
      },
    },
    { label: "Delete", color: "red", fits: hasEnded, run: remove },
  ];
  return (
    <ListPage
      resource="results"
      title="Results"
      noun="result"
      description="What each model of each deployment has learnt."
      columns={COLUMNS}
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true })}
      searchBy="text"
      searchLabel="Search models"
      states={["awaiting", "pending", "running", "stopping", "finished", "failed", "stopped"]}
      onOpen={({ id }) => void navigate({ to: "/results/$id", params: { id } })}
      bulk={bulk}
      empty={
        <EmptyState
          icon={IconChartLine}
          title="No results yet"
          text={
            <Text span>Deploy a configuration: each of its models gets a result, which fills as it is trained.</Text>
          }
          action={
            <Button component={Link} to="/deployments/new">
              New deployment
            </Button>
          }
        />
      }
    />
  );
}
