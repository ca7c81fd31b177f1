import { Anchor, Stack, Text } from "@mantine/core";
import { IconChartLine, IconStack2 } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { type Items, listOf } from "@/api/resources";
import { type Column, DataTable } from "@/components/DataTable";
import { metric, NONE, plural } from "@/components/formats";
import { TwoLines } from "@/components/ListPage";
import { LinkButton } from "@/components/links";
import { Section } from "@/components/Section";
import { StateBadge } from "@/components/StateBadge";
import { EmptyState } from "@/components/states";
import { Ago } from "@/components/time";

const CONFIGURATIONS: readonly Column<Items["configurations"]>[] = [
  {
    id: "name",
    header: "Name",
    width: "minmax(150px, 3fr)",
    cell: (row) => (
      <TwoLines
        first={
          <Anchor component={Link} to={`/configurations/${row.id}`} c="inherit">
            {row.name}
          </Anchor>
        }
        second={row.description || `Configuration ${row.id}`}
      />
    ),
  },
  { id: "models", header: "Models", width: "120px", cell: (row) => plural(row.model_ids.length, "model") },
  {
    id: "updated",
    header: "Changed",
    width: "110px",
    align: "right",
    hideBelow: "sm",
    cell: (row) => <Ago time={row.updated_at} />,
  },
];

const RESULTS: readonly Column<Items["results"]>[] = [
  {
    id: "id",
    header: "Result",
    width: "minmax(120px, 2fr)",
    cell: (row) => (
      <TwoLines
        first={
          <Anchor component={Link} to={`/results/${row.id}`} c="inherit">
            Result {row.id}
          </Anchor>
        }
        second={`Deployment ${row.deployment_id}`}
      />
    ),
  },
  { id: "version", header: "Version", width: "80px", align: "right", cell: (row) => row.model_version },
  { id: "state", header: "State", width: "minmax(110px, 1fr)", cell: (row) => <StateBadge state={row.state} /> },
  {
    id: "metrics",
    header: "Metrics",
    width: "minmax(160px, 2fr)",
    hideBelow: "sm",
    cell: (row) => metricsOf(row),
  },
  {
    id: "created",
    header: "Created",
    width: "110px",
    align: "right",
    hideBelow: "sm",
    cell: (row) => <Ago time={row.created_at} />,
  },
];

function metricsOf({ test_metrics, validation_metrics, training_metrics }: Items["results"]): string {
  const metrics = test_metrics ?? validation_metrics ?? training_metrics;
  if (metrics === null) return NONE;
  const shown = Object.entries(metrics).slice(0, 2);
  return shown.map(([name, value]) => `${name} ${metric(value)}`).join(", ");
}

/** What needs a model: as long as there is something, it can't be deleted. */
export function UsedBy({ id }: { id: number }) {
  const navigate = useNavigate();
  const configurations = useInfiniteQuery(listOf("configurations", { model_id: id }));
  const results = useInfiniteQuery(listOf("results", { model_id: id }));
  return (
    <Stack>
      <Text size="sm" className="quiet">
        As long as something is here, the model can't be deleted.
      </Text>
      <Section
        title="Configurations"
        actions={
          <LinkButton to="/configurations/new" search={{ models: String(id) }} size="xs" variant="default">
            New configuration
          </LinkButton>
        }
      >
        <DataTable
          label="Configurations with this model"
          columns={CONFIGURATIONS}
          query={configurations}
          rowKey={(row) => row.id}
          onOpen={(row) => void navigate({ to: "/configurations/$id", params: { id: row.id } })}
          empty={
            <EmptyState
              icon={IconStack2}
              title="In no configuration"
              text="A configuration puts models together that learn from the same stream."
            />
          }
        />
      </Section>
      <Section title="Results">
        <DataTable
          label="Results of this model"
          columns={RESULTS}
          query={results}
          rowKey={(row) => row.id}
          onOpen={(row) => void navigate({ to: "/results/$id", params: { id: row.id } })}
          empty={
            <EmptyState
              icon={IconChartLine}
              title="Not trained yet"
              text="Deploy a configuration with this model, and send a stream."
            />
          }
        />
      </Section>
    </Stack>
  );
}
