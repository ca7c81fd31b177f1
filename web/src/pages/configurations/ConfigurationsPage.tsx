import { Anchor } from "@mantine/core";
import { IconPlus, IconStack2 } from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Items } from "@/api/resources";
import type { Column } from "@/components/DataTable";
import { ListPage, TwoLines } from "@/components/ListPage";
import { LinkButton } from "@/components/links";
import { EmptyState } from "@/components/states";
import { Ago } from "@/components/time";
import { useDeleteConfigurations } from "./actions";
import classes from "./configurations.module.css";
import { ModelLink } from "./ModelLink";

const SHOWN = 4;

const COLUMNS: readonly Column<Items["configurations"]>[] = [
  {
    id: "name",
    header: "Name",
    sort: "name",
    width: "minmax(130px, 2fr)",
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
  {
    id: "models",
    header: "Models",
    width: "minmax(130px, 3fr)",
    cell: ({ model_ids }) => (
      <span className={classes.several}>
        {model_ids.slice(0, SHOWN).map((id) => (
          <ModelLink key={id} id={id} />
        ))}
        {model_ids.length > SHOWN && <span className="quiet">and {model_ids.length - SHOWN} more</span>}
      </span>
    ),
  },
  {
    id: "updated",
    header: "Changed",
    width: "110px",
    align: "right",
    hideBelow: "sm",
    cell: (row) => <Ago time={row.updated_at} />,
  },
];

export function ConfigurationsPage() {
  const search = useSearch({ from: "/configurations" });
  const navigate = useNavigate({ from: "/configurations" });
  const remove = useDeleteConfigurations();
  const create = (
    <LinkButton to="/configurations/new" leftSection={<IconPlus size={16} />}>
      New configuration
    </LinkButton>
  );
  return (
    <ListPage
      resource="configurations"
      title="Configurations"
      noun="configuration"
      description="Models that learn from the same stream, to be compared."
      columns={COLUMNS}
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true })}
      searchBy="name"
      onOpen={({ id }) => void navigate({ to: "/configurations/$id", params: { id } })}
      action={create}
      bulk={[{ label: "Delete", color: "red", run: async (rows) => !(await remove(rows)) }]}
      empty={
        <EmptyState
          icon={IconStack2}
          title="No configurations yet"
          text="A configuration puts models together that learn from the same stream. One model is enough."
          action={create}
        />
      }
    />
  );
}
