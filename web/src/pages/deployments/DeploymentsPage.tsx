import { Anchor, Progress, Stack, Text } from "@mantine/core";
import { IconPlayerPlay, IconPlus } from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Items } from "@/api/resources";
import type { Column } from "@/components/DataTable";
import { count, plural } from "@/components/formats";
import { type BulkAction, ListPage, TwoLines } from "@/components/ListPage";
import { LinkButton } from "@/components/links";
import { StateBadge } from "@/components/StateBadge";
import { EmptyState } from "@/components/states";
import { Ago } from "@/components/time";
import classes from "@/pages/results/training.module.css";
import { mayDelete, mayStop, useDeleteDeployments, useStopDeployments } from "./actions";
import { BestMetric } from "./BestMetric";
import { progressOf } from "./progress";

type Deployment = Items["deployments"];

const COLUMNS: readonly Column<Deployment>[] = [
  {
    id: "configuration",
    header: "Configuration",
    width: "minmax(150px, 2.4fr)",
    cell: (deployment) => (
      <TwoLines
        first={
          <Anchor component={Link} to={`/deployments/${deployment.id}`} c="inherit">
            {deployment.configuration_name}
          </Anchor>
        }
        second={<Second deployment={deployment} />}
      />
    ),
  },
  {
    id: "state",
    header: "State",
    width: "minmax(134px, 1fr)",
    cell: ({ state }) => <StateBadge state={state} />,
  },
  {
    id: "progress",
    header: "Progress",
    width: "minmax(130px, 1.3fr)",
    hideBelow: "sm",
    cell: (deployment) => <HowFar deployment={deployment} />,
  },
  {
    id: "best",
    header: "Best so far",
    width: "minmax(110px, 1fr)",
    align: "right",
    hideBelow: "sm",
    cell: (deployment) => <BestMetric deployment={deployment} />,
  },
  {
    id: "datasource",
    header: "Data source",
    width: "92px",
    align: "right",
    hideBelow: "md",
    cell: ({ datasource_id }) =>
      datasource_id === null ? (
        <span className="quiet">–</span>
      ) : (
        <Anchor component={Link} to={`/datasources/${datasource_id}`} size="sm">
          {datasource_id}
        </Anchor>
      ),
  },
  {
    id: "created",
    header: "Deployed",
    width: "96px",
    align: "right",
    hideBelow: "sm",
    cell: ({ created_at }) => <Ago time={created_at} />,
  },
];

/** What it waits for, or why it was refused; otherwise its description. */
function Second({ deployment }: { deployment: Deployment }) {
  const { id, description, failure, state, results } = deployment;
  if (failure !== null) {
    return (
      <span className={state === "awaiting" ? classes.waits : classes.reason} title={failure.message}>
        {state === "awaiting" ? `A stream was refused: ${failure.message}` : failure.message}
      </span>
    );
  }
  const failed = results.filter((result) => result.state === "failed");
  if (failed.length > 0) {
    return <span className={classes.reason}>Failed: {failed.map(({ model_name }) => model_name).join(", ")}</span>;
  }
  return description || `Deployment ${id}, ${plural(results.length, "model")}`;
}

function HowFar({ deployment }: { deployment: Deployment }) {
  const { part, ended, epochs, done } = progressOf(deployment.results);
  const models = `${ended} of ${plural(deployment.results.length, "model")}`;
  const words = epochs === null || epochs === 0 ? models : `${count(done)} of ${count(epochs)} epochs`;
  return (
    <Stack gap={4}>
      <Progress
        size="sm"
        value={100 * part}
        animated={deployment.state === "running"}
        color={deployment.state === "failed" ? "red" : deployment.state === "finished" ? "teal" : "tide"}
        aria-label={`Progress of deployment ${deployment.id}`}
      />
      <Text span size="xs" className="quiet numeric" title={models}>
        {deployment.state === "awaiting" ? "Awaits its stream" : words}
      </Text>
    </Stack>
  );
}

export function DeploymentsPage() {
  const search = useSearch({ from: "/deployments" });
  const navigate = useNavigate({ from: "/deployments" });
  const stop = useStopDeployments();
  const remove = useDeleteDeployments();
  const bulk: readonly BulkAction<Deployment>[] = [
    { label: "Stop", color: "orange", fits: mayStop, run: async (rows) => !(await stop(rows)) },
    { label: "Delete", color: "red", fits: mayDelete, run: async (rows) => !(await remove(rows)) },
  ];
  const create = (
    <LinkButton to="/deployments/new" leftSection={<IconPlus size={16} />}>
      New deployment
    </LinkButton>
  );
  return (
    <ListPage
      resource="deployments"
      title="Deployments"
      noun="deployment"
      description="Configurations that are trained on a stream, or await one."
      columns={COLUMNS}
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true })}
      searchBy="text"
      searchLabel="Search configurations"
      states={["awaiting", "running", "finished", "failed", "stopped"]}
      onOpen={({ id }) => void navigate({ to: "/deployments/$id", params: { id } })}
      action={create}
      bulk={bulk}
      empty={
        <EmptyState
          icon={IconPlayerPlay}
          title="No deployments yet"
          text="Deploy a configuration: its models are trained on the next stream that is sent for it."
          action={create}
        />
      }
    />
  );
}
