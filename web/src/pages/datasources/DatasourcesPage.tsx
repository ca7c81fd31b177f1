import { Code } from "@mantine/core";
import { IconDatabase } from "@tabler/icons-react";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { Items } from "@/api/resources";
import type { Column } from "@/components/DataTable";
import { count, plural } from "@/components/formats";
import { ListPage, TwoLines } from "@/components/ListPage";
import { LinkAnchor, LinkButton } from "@/components/links";
import { EmptyState } from "@/components/states";
import { Ago } from "@/components/time";
import { Retained } from "./Retained";
import { liveTopic, rangesOf, topicsOf } from "./ranges";

const COLUMNS: readonly Column<Items["datasources"]>[] = [
  {
    id: "name",
    header: "Data source",
    width: "minmax(150px, 3fr)",
    cell: (source) => (
      <TwoLines
        first={
          <LinkAnchor to="/datasources/$id" params={{ id: source.id }} c="inherit">
            {source.description || `Data source ${source.id}`}
          </LinkAnchor>
        }
        second={whereOf(source)}
      />
    ),
  },
  { id: "format", header: "Format", width: "90px", cell: (source) => source.input_format.replace("_STR_JSON", "") },
  {
    id: "messages",
    header: "Messages",
    width: "90px",
    align: "right",
    cell: (source) => (liveTopic(source.stream) === null ? count(source.messages) : "grows"),
  },
  {
    id: "kept",
    header: "Still in the log",
    width: "120px",
    hideBelow: "sm",
    cell: (source) => <Retained stream={source.stream} />,
  },
  {
    id: "deployment",
    header: "Sent for",
    width: "130px",
    hideBelow: "md",
    cell: (source) => (
      <LinkAnchor to="/deployments/$id" params={{ id: source.deployment_id }} size="sm">
        Deployment {source.deployment_id}
      </LinkAnchor>
    ),
  },
  {
    id: "created",
    header: "Announced",
    sort: "id",
    width: "110px",
    align: "right",
    hideBelow: "sm",
    cell: (source) => <Ago time={source.created_at} />,
  },
];

function whereOf({ stream }: Items["datasources"]): string {
  const topics = topicsOf(stream);
  const ranges = rangesOf(stream).length;
  return ranges > topics.length ? `${topics.join(", ")}, ${plural(ranges, "range")}` : topics.join(", ");
}

export function DatasourcesPage() {
  const search = useSearch({ from: "/datasources" });
  const navigate = useNavigate({ from: "/datasources" });
  return (
    <ListPage
      resource="datasources"
      title="Data sources"
      noun="data source"
      description="Data streams that were sent: they stay in the log and can be trained on again."
      columns={COLUMNS}
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true })}
      searchBy="text"
      searchLabel="Search topics and descriptions"
      onOpen={(source) => void navigate({ to: "/datasources/$id", params: { id: source.id } })}
      empty={
        <EmptyState
          icon={IconDatabase}
          title="No data sources yet"
          text={
            <>
              A stream is a data source once it is announced on <Code>KAFKA_ML_CONTROL_TOPIC</Code>, as sinks do. A
              deployment that awaits its stream shows the program that sends it.
            </>
          }
          action={<LinkButton to="/deployments">See the deployments</LinkButton>}
        />
      }
    />
  );
}
