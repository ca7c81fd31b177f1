import { Anchor, Button } from "@mantine/core";
import { IconBrain, IconPlus } from "@tabler/icons-react";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { Items } from "@/api/resources";
import type { Column } from "@/components/DataTable";
import { ListPage, TwoLines } from "@/components/ListPage";
import { StateBadge } from "@/components/StateBadge";
import { EmptyState } from "@/components/states";
import { Ago } from "@/components/time";
import { useDeleteModels, validateAll } from "./actions";

const COLUMNS: readonly Column<Items["models"]>[] = [
  {
    id: "name",
    header: "Name",
    sort: "name",
    width: "minmax(150px, 3fr)",
    cell: (model) => (
      <TwoLines
        first={
          <Anchor component={Link} to={`/models/${model.id}`} c="inherit">
            {model.name}
          </Anchor>
        }
        second={model.description || `Model ${model.id}`}
      />
    ),
  },
  { id: "state", header: "State", width: "minmax(110px, 1fr)", cell: (model) => <StateBadge state={model.state} /> },
  { id: "version", header: "Version", width: "80px", align: "right", hideBelow: "sm", cell: (model) => model.version },
  {
    id: "updated",
    header: "Changed",
    width: "110px",
    align: "right",
    hideBelow: "sm",
    cell: (model) => <Ago time={model.updated_at} />,
  },
];

export function ModelsPage() {
  const search = useSearch({ from: "/models" });
  const navigate = useNavigate({ from: "/models" });
  const remove = useDeleteModels();
  const create = (
    <Button component={Link} to="/models/new" leftSection={<IconPlus size={16} />}>
      New model
    </Button>
  );
  return (
    <ListPage
      resource="models"
      title="Models"
      noun="model"
      description="Keras models, written here and validated as you write."
      columns={COLUMNS}
      search={search}
      onSearch={(next) => void navigate({ search: next, replace: true })}
      searchBy="name"
      states={["validating", "valid", "invalid"]}
      onOpen={(model) => void navigate({ to: "/models/$id", params: { id: model.id } })}
      action={create}
      bulk={[
        {
          label: "Validate again",
          fits: ({ state }) => state !== "validating",
          run: async (models) => !(await validateAll(models)),
        },
        { label: "Delete", color: "red", run: async (models) => !(await remove(models)) },
      ]}
      empty={
        <EmptyState
          icon={IconBrain}
          title="No models yet"
          text="A model is a few lines of Keras that leave a compiled model in the variable “model”."
          action={create}
        />
      }
    />
  );
}
