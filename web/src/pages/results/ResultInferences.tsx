import { Anchor } from "@mantine/core";
import { IconTopologyStar3 } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type Items, listOf, type Views } from "@/api/resources";
import { type Column, DataTable } from "@/components/DataTable";
import { rate } from "@/components/formats";
import { LinkButton } from "@/components/links";
import { StateBadge } from "@/components/StateBadge";
import { EmptyState } from "@/components/states";

const COLUMNS: readonly Column<Items["inferences"]>[] = [
  {
    id: "id",
    header: "Inference",
    width: "90px",
    cell: ({ id }) => (
      <Anchor component={Link} to={`/inferences/${id}`} size="sm">
        {id}
      </Anchor>
    ),
  },
  {
    id: "topics",
    header: "From and to",
    width: "minmax(140px, 2fr)",
    cell: ({ input_topic, output_topic }) => `${input_topic} → ${output_topic}`,
  },
  { id: "state", header: "State", width: "minmax(110px, 1fr)", cell: ({ state }) => <StateBadge state={state} /> },
  { id: "rate", header: "Rate", width: "90px", align: "right", hideBelow: "sm", cell: (one) => rate(one.rate) },
];

export function ResultInferences({ result }: { result: Views["results"] }) {
  const navigate = useNavigate();
  const query = useInfiniteQuery(listOf("inferences", { result_id: result.id }));
  return (
    <DataTable
      label="Inferences that use it"
      columns={COLUMNS}
      query={query}
      rowKey={({ id }) => id}
      onOpen={({ id }) => void navigate({ to: "/inferences/$id", params: { id } })}
      empty={
        <EmptyState
          icon={IconTopologyStar3}
          title="No inference uses it"
          text={result.has_model ? "Its model can predict what comes in on a topic." : "It has no trained model yet."}
          action={
            result.has_model && (
              <LinkButton to="/inferences/new" search={{ result: String(result.id) }}>
                Deploy for inference
              </LinkButton>
            )
          }
        />
      }
    />
  );
}
