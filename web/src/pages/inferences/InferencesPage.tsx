import { Anchor, Group } from "@mantine/core";
import { IconTopologyStar3 } from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Items } from "@/api/resources";
import { Sparkline } from "@/components/chart";
import type { Column } from "@/components/DataTable";
import { compact, milliseconds } from "@/components/formats";
import { type BulkAction, ListPage, TwoLines } from "@/components/ListPage";
import { LinkButton } from "@/components/links";
import { StateBadge } from "@/components/StateBadge";
import { EmptyState } from "@/components/states";
import { isGoing, stateOf, useDeleteInferences, useStopInferences } from "./actions";
import classes from "./inferences.module.css";
import type { Moment } from "./progress";
import { RateNow } from "./RateNow";
import { useCourses } from "./useCourses";

type Inference = Items["inferences"];

function columnsOf(courseOf: (id: number) => readonly Moment[]): readonly Column<Inference>[] {
  return [
    {
      id: "model",
      header: "Model",
      width: "minmax(150px, 2.2fr)",
      cell: (inference) => (
        <TwoLines
          first={
            <Anchor component={Link} to={`/inferences/${inference.id}`} c="inherit">
              {inference.model_name}
            </Anchor>
          }
          second={<Second inference={inference} moment={courseOf(inference.id).at(-1)} />}
        />
      ),
    },
    {
      id: "topics",
      header: "Topics",
      width: "minmax(130px, 1.6fr)",
      hideBelow: "sm",
      cell: ({ input_topic, output_topic }) => (
        <TwoLines
          first={<TopicLink name={input_topic} />}
          second={
            <>
              → <TopicLink name={output_topic} />
            </>
          }
        />
      ),
    },
    { id: "state", header: "State", width: "112px", cell: (inference) => <StateBadge state={stateOf(inference)} /> },
    {
      id: "replicas",
      header: "Replicas",
      width: "76px",
      align: "right",
      hideBelow: "md",
      cell: ({ replicas, replicas_running }) => (
        <span title={`${replicas_running} of ${replicas} run`}>
          {replicas_running}/{replicas}
        </span>
      ),
    },
    {
      id: "rate",
      header: "Rate",
      width: "minmax(76px, 176px)",
      align: "right",
      hideBelow: "sm",
      cell: (inference) => <Rate inference={inference} moments={courseOf(inference.id)} />,
    },
    {
      id: "latency",
      header: "p99 latency",
      width: "96px",
      align: "right",
      hideBelow: "sm",
      cell: ({ latency_p99_ms }) => milliseconds(latency_p99_ms),
    },
    { id: "lag", header: "Lag", width: "70px", align: "right", hideBelow: "sm", cell: ({ lag }) => compact(lag) },
  ];
}

function Second({ inference, moment }: { inference: Inference; moment: Moment | undefined }) {
  const { failure, state } = inference;
  if (failure !== null && state !== "stopped") {
    return (
      <span className={classes.reason} data-tone={state === "failed" ? "failed" : "waits"} title={failure.message}>
        {failure.message}
      </span>
    );
  }
  return (
    <>
      <span className={classes.desk}>
        Inference {inference.id}, version {inference.model_version}
      </span>
      {/* On a phone there is no room for columns, and how it does counts more. */}
      <span className={classes.phone}>
        {isGoing(inference) ? (
          <>
            <RateNow inference={inference} moment={moment} />, lag {compact(moment?.lag ?? inference.lag)}
          </>
        ) : (
          `Inference ${inference.id}`
        )}
      </span>
    </>
  );
}

function TopicLink({ name }: { name: string }) {
  return (
    <Anchor component={Link} to={`/topics/${name}`} c="inherit" title={name}>
      {name}
    </Anchor>
  );
}

function Rate({ inference, moments }: { inference: Inference; moments: readonly Moment[] }) {
  return (
    <Group gap={10} justify="flex-end" wrap="nowrap">
      {moments.length > 1 && (
        <Sparkline values={moments.map((moment) => moment.rate)} label="Rate since this page was opened" />
      )}
      <RateNow inference={inference} moment={moments.at(-1)} />
    </Group>
  );
}

export function InferencesPage() {
  const search = useSearch({ from: "/inferences" });
  const navigate = useNavigate({ from: "/inferences" });
  const courseOf = useCourses();
  const stop = useStopInferences();
  const remove = useDeleteInferences();
  const bulk: readonly BulkAction<Inference>[] = [
    { label: "Stop", fits: isGoing, run: async (rows) => !(await stop(rows)) },
    { label: "Delete", color: "red", fits: (row) => !isGoing(row), run: async (rows) => !(await remove(rows)) },
  ];
  const deploy = <LinkButton to="/inferences/new">Deploy for inference</LinkButton>;
  return (
    <ListPage
      resource="inferences"
      title="Inference"
      noun="inference"
      description="Trained models that predict what comes in on one topic into another."
      columns={columnsOf(courseOf)}
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true })}
      searchBy="text"
      searchLabel="Search models and topics"
      states={["pending", "running", "stopping", "stopped", "failed"]}
      onOpen={({ id }) => void navigate({ to: "/inferences/$id", params: { id } })}
      action={deploy}
      bulk={bulk}
      empty={
        <EmptyState
          icon={IconTopologyStar3}
          title="Nothing predicts yet"
          text="Deploy a trained model: it reads samples from one topic and writes its predictions to another."
          action={deploy}
        />
      }
    />
  );
}
