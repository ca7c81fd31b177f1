import { Button, Group, Paper } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { api, unwrap } from "@/api/client";
import { itemOf, keys } from "@/api/resources";
import { tellFailure } from "@/components/actions";
import { LinkButton } from "@/components/links";
import { PageHeader } from "@/components/PageHeader";
import { Loaded } from "@/components/states";
import { useUnsaved } from "@/components/unsaved";
import { ConfigurationForm, changed, type Draft, type Errors, missing, refused } from "./ConfigurationForm";
import { idsOf } from "./shapes";

export function NewConfigurationPage() {
  const { from, models } = useSearch({ from: "/configurations/new" });
  const [original] = idsOf(from);
  if (original !== undefined) return <CopyOf key={original} id={original} />;
  return <NewConfiguration key={models ?? ""} initial={{ name: "", description: "", model_ids: idsOf(models) }} />;
}

function CopyOf({ id }: { id: number }) {
  const original = useQuery(itemOf("configurations", id));
  return (
    <Loaded query={original} failure="The configuration to be copied can't be read">
      {({ name, description, model_ids }) => (
        <NewConfiguration initial={{ name: `${name} copy`.slice(0, 200), description, model_ids }} />
      )}
    </Loaded>
  );
}

function NewConfiguration({ initial: given }: { initial: Draft }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  // The original may change while this is being written.
  const [initial] = useState(given);
  const [draft, setDraft] = useState(initial);
  const [errors, setErrors] = useState<Errors>({});
  const [isSaving, setSaving] = useState(false);
  useUnsaved(!isSaving && Object.keys(changed(initial, draft)).length > 0, "This configuration");

  const save = async (event: FormEvent) => {
    event.preventDefault();
    const lacking = missing(draft);
    setErrors(lacking);
    if (isSaving || Object.keys(lacking).length > 0) return;
    setSaving(true);
    try {
      const made = await unwrap(api.POST("/api/v1/configurations", { body: draft }));
      queries.setQueryData(keys.item("configurations", made.id), made);
      void queries.invalidateQueries({ queryKey: keys.lists("configurations") });
      await navigate({ to: "/configurations/$id", params: { id: made.id }, ignoreBlocker: true });
    } catch (error) {
      setSaving(false);
      const found = refused(error);
      setErrors(found);
      if (Object.keys(found).length === 0) tellFailure("The configuration could not be created", error);
    }
  };

  return (
    <>
      <PageHeader
        title="New configuration"
        parent={{ label: "Configurations", to: "/configurations" }}
        description="Models that learn from the same stream, so that the better one can be chosen."
      />
      <Paper p="md" className="surface" maw={960}>
        <form onSubmit={(event) => void save(event)} noValidate>
          <ConfigurationForm
            draft={draft}
            errors={errors}
            onDraft={(change) => {
              setDraft((before) => ({ ...before, ...change }));
              setErrors({});
            }}
          />
          <Group justify="flex-end" mt="lg">
            <LinkButton to="/configurations" variant="default">
              Cancel
            </LinkButton>
            <Button type="submit" loading={isSaving}>
              Create configuration
            </Button>
          </Group>
        </form>
      </Paper>
    </>
  );
}
