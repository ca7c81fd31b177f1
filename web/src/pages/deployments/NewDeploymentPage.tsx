import { Button, Group, Paper, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { api, ProblemError, unwrap } from "@/api/client";
import { itemOf, type Views } from "@/api/resources";
import { tellFailure } from "@/components/actions";
import { PageHeader } from "@/components/PageHeader";
import { ErrorNotice, Loading } from "@/components/states";
import { DeployFields } from "./DeployFields";
import { type Body, bodyOf, DEFAULTS, type DeployValues, fieldOf, valuesOf } from "./settings";

const OPENING_MS = 100;

export function NewDeploymentPage() {
  const { configuration, from, datasource } = useSearch({ from: "/deployments/new" });
  const isCopy = from !== undefined && /^\d+$/.test(from);
  const source = useQuery({ ...itemOf("deployments", Number(from)), enabled: isCopy });
  const header = (
    <PageHeader
      title="New deployment"
      parent={{ label: "Deployments", to: "/deployments" }}
      description="Every model of a configuration is trained on the next stream that is sent for it."
    />
  );
  if (isCopy && source.data === undefined) {
    return (
      <>
        {header}
        {source.error === null ? (
          <Loading />
        ) : (
          <ErrorNotice error={source.error} title={`Deployment ${from} can't be copied`} />
        )}
      </>
    );
  }
  return (
    <>
      {header}
      <DeployForm copied={source.data} configuration={configuration} datasource={datasource} />
    </>
  );
}

interface DeployFormProps {
  copied: Views["deployments"] | undefined;
  configuration: string | undefined;
  datasource: string | undefined;
}

function DeployForm({ copied, configuration, datasource }: DeployFormProps) {
  const navigate = useNavigate();
  const [other, setOther] = useState<unknown>(null);
  const form = useForm<DeployValues>({
    initialValues: {
      ...DEFAULTS,
      ...(copied === undefined ? {} : valuesOf(copied.settings)),
      description: copied?.description ?? "",
      configuration: configuration ?? (copied === undefined ? null : String(copied.configuration_id)),
    },
    validate: { configuration: (value) => (value === null ? "Choose what is to be trained." : null) },
  });
  const deploy = useMutation({
    mutationFn: (body: Body) => deployOn(body, datasource),
    onSuccess: ({ id }) => void navigate({ to: "/deployments/$id", params: { id } }),
  });
  const submit = form.onSubmit(async (values) => {
    setOther(null);
    try {
      await deploy.mutateAsync(bodyOf(values));
    } catch (error) {
      if (!(error instanceof ProblemError) || error.fields.size === 0) {
        setOther(error);
        return;
      }
      for (const [pointer, message] of error.fields) {
        const field = fieldOf(pointer, values.asText);
        if (field === null) setOther(error);
        else form.setFieldError(field, message.replace(/^Value error, /, ""));
      }
      // Panels with a field at fault open first.
      setTimeout(() => document.querySelector<HTMLElement>("main [aria-invalid=true]")?.focus(), OPENING_MS);
    }
  });
  return (
    <form onSubmit={submit} noValidate>
      <Stack maw={760}>
        {other !== null && <ErrorNotice error={other} title="It could not be deployed" />}
        <Paper p="md" className="surface">
          <DeployFields form={form} datasource={datasource} />
        </Paper>
        <Group>
          <Button type="submit" loading={deploy.isPending}>
            Deploy
          </Button>
          <Button variant="default" onClick={() => void navigate({ to: "/deployments" })}>
            Cancel
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

/** Deploys and, where a data source was chosen, announces it for the new deployment. */
async function deployOn(body: Body, datasource: string | undefined): Promise<Views["deployments"]> {
  const deployment = await unwrap(api.POST("/api/v1/deployments", { body }));
  if (datasource !== undefined) {
    const reuse = { params: { path: { id: Number(datasource) } }, body: { deployment_id: deployment.id } };
    // The deployment is there all the same, and awaits another stream.
    await unwrap(api.POST("/api/v1/datasources/{id}/reuse", reuse)).catch((error: unknown) =>
      tellFailure(`Data source ${datasource} can't be used`, error),
    );
  }
  return deployment;
}
