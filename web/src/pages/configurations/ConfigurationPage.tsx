import { Anchor, Button, Stack } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconCopy, IconPencil, IconPlayerPlay, IconTrash } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { type Items, itemOf, listOf, type Views } from "@/api/resources";
import { type Column, DataTable } from "@/components/DataTable";
import { plural } from "@/components/formats";
import { TwoLines } from "@/components/ListPage";
import { LinkButton } from "@/components/links";
import { PageHeader } from "@/components/PageHeader";
import { Section } from "@/components/Section";
import { StateBadge } from "@/components/StateBadge";
import { EmptyState, Loaded } from "@/components/states";
import { Ago } from "@/components/time";
import { useDeleteConfigurations } from "./actions";
import { EditDialog } from "./EditDialog";
import { ModelsTable } from "./ModelsTable";

const DEPLOYMENTS: readonly Column<Items["deployments"]>[] = [
  {
    id: "id",
    header: "Deployment",
    width: "minmax(130px, 2fr)",
    cell: ({ id, description }) => (
      <TwoLines
        first={
          <Anchor component={Link} to={`/deployments/${id}`} c="inherit">
            Deployment {id}
          </Anchor>
        }
        second={description || "No description"}
      />
    ),
  },
  { id: "state", header: "State", width: "minmax(140px, 1fr)", cell: ({ state }) => <StateBadge state={state} /> },
  {
    id: "results",
    header: "Models",
    width: "minmax(120px, 1fr)",
    hideBelow: "sm",
    cell: ({ results }) => {
      const finished = results.filter(({ state }) => state === "finished").length;
      return `${finished} of ${plural(results.length, "model")} trained`;
    },
  },
  {
    id: "source",
    header: "Data source",
    width: "110px",
    hideBelow: "sm",
    cell: ({ datasource_id }) =>
      datasource_id === null ? (
        "None yet"
      ) : (
        <Anchor component={Link} to={`/datasources/${datasource_id}`} size="sm">
          Source {datasource_id}
        </Anchor>
      ),
  },
  {
    id: "created",
    header: "Created",
    width: "100px",
    align: "right",
    hideBelow: "sm",
    cell: ({ created_at }) => <Ago time={created_at} />,
  },
];

export function ConfigurationPage() {
  const { id } = useParams({ from: "/configurations/$id" });
  const configuration = useQuery(itemOf("configurations", id));
  return (
    <Loaded query={configuration} failure="The configuration can't be shown">
      {(data) => <Configuration key={data.id} configuration={data} />}
    </Loaded>
  );
}

function Configuration({ configuration }: { configuration: Views["configurations"] }) {
  const { id, name, description, model_ids } = configuration;
  const navigate = useNavigate();
  const remove = useDeleteConfigurations();
  const deployments = useInfiniteQuery(listOf("deployments", { configuration_id: id }));
  const [isEditing, { open, close }] = useDisclosure(false);
  const deploy = (
    <LinkButton to="/deployments/new" search={{ configuration: String(id) }} leftSection={<IconPlayerPlay size={16} />}>
      Deploy
    </LinkButton>
  );
  return (
    <>
      <PageHeader
        title={name}
        parent={{ label: "Configurations", to: "/configurations" }}
        description={description}
        actions={
          <>
            {deploy}
            <Button variant="default" leftSection={<IconPencil size={16} />} onClick={open}>
              Edit
            </Button>
            <LinkButton
              to="/configurations/new"
              search={{ from: String(id) }}
              variant="default"
              leftSection={<IconCopy size={16} />}
            >
              Duplicate
            </LinkButton>
            <Button
              variant="default"
              leftSection={<IconTrash size={16} />}
              onClick={async () => {
                if (await remove([configuration])) void navigate({ to: "/configurations" });
              }}
            >
              Delete
            </Button>
          </>
        }
      />
      <Stack gap="lg">
        <Section title={plural(model_ids.length, "model")}>
          <ModelsTable ids={model_ids} />
        </Section>
        <Section title="Deployments">
          <DataTable
            label="Deployments of this configuration"
            columns={DEPLOYMENTS}
            query={deployments}
            rowKey={(row) => row.id}
            onOpen={(row) => void navigate({ to: "/deployments/$id", params: { id: row.id } })}
            empty={
              <EmptyState
                icon={IconPlayerPlay}
                title="Not deployed yet"
                text="Deployed, its models wait for a stream and learn from it."
                action={deploy}
              />
            }
          />
        </Section>
      </Stack>
      {isEditing && <EditDialog configuration={configuration} onClose={close} />}
    </>
  );
}
