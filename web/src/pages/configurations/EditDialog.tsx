import { Alert, Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, getJson, ProblemError, unwrap } from "@/api/client";
import { keys, type Views } from "@/api/resources";
import { tellFailure } from "@/components/actions";
import { useUnsaved } from "@/components/unsaved";
import { ConfigurationForm, changed, type Draft, type Errors, missing, refused } from "./ConfigurationForm";
import { ModelLink } from "./ModelLink";

type Configuration = Views["configurations"];

interface EditDialogProps {
  configuration: Configuration;
  onClose: () => void;
}

function draftOf({ name, description, model_ids }: Configuration): Draft {
  return { name, description, model_ids };
}

export function EditDialog({ configuration, onClose }: EditDialogProps) {
  const queries = useQueryClient();
  // What was seen when the writing began; what somebody saves meanwhile is told when this is saved.
  const [seen, setSeen] = useState(configuration);
  const [draft, setDraft] = useState(() => draftOf(configuration));
  const [errors, setErrors] = useState<Errors>({});
  const [isSaving, setSaving] = useState(false);
  const [other, setOther] = useState<Configuration | null>(null);
  const change = changed(draftOf(seen), draft);
  const isDirty = Object.keys(change).length > 0;
  useUnsaved(isDirty && !isSaving, "The configuration");

  const save = async (event: FormEvent) => {
    event.preventDefault();
    const lacking = missing(draft);
    setErrors(lacking);
    if (isSaving || Object.keys(lacking).length > 0) return;
    setSaving(true);
    try {
      const params = { path: { id: seen.id }, header: { "if-match": `"${seen.revision}"` } };
      const saved = await unwrap(api.PATCH("/api/v1/configurations/{id}", { params, body: change }));
      queries.setQueryData(keys.item("configurations", saved.id), saved);
      onClose();
    } catch (error) {
      setSaving(false);
      if (error instanceof ProblemError && error.status === 412) {
        const now = await getJson<Configuration>(`/api/v1/configurations/${seen.id}`, {}).catch(() => null);
        // What I have not touched is as they have left it.
        if (now !== null) setDraft({ ...draftOf(now), ...change });
        if (now !== null) setSeen(now);
        setOther(now);
        return;
      }
      const found = refused(error);
      setErrors(found);
      if (Object.keys(found).length === 0) tellFailure("The configuration could not be saved", error);
    }
  };

  return (
    <Modal
      opened
      onClose={onClose}
      title="Change the configuration"
      size="min(900px, 94vw)"
      closeOnClickOutside={!isDirty}
      closeOnEscape={!isDirty}
    >
      <form onSubmit={(event) => void save(event)} noValidate>
        <Stack>
          <Text size="sm" className="quiet">
            Deployments that exist keep the models they were made with.
          </Text>
          {other !== null && (
            <Alert color="yellow" variant="light" role="alert">
              <Stack gap="xs" align="flex-start">
                <Text size="sm" fw={600}>
                  Somebody has changed this configuration meanwhile
                </Text>
                <Text size="sm">
                  It is there as “{other.name}”, with{" "}
                  {other.model_ids.map((id, index) => (
                    <span key={id}>
                      {index > 0 && ", "}
                      <ModelLink id={id} />
                    </span>
                  ))}
                  . What you have not touched is now as it is there; saving again keeps what you have written.
                </Text>
                <Button
                  size="xs"
                  variant="default"
                  onClick={() => {
                    setDraft(draftOf(other));
                    setOther(null);
                  }}
                >
                  Drop mine, take what is saved
                </Button>
              </Stack>
            </Alert>
          )}
          <ConfigurationForm
            draft={draft}
            errors={errors}
            onDraft={(part) => {
              setDraft((before) => ({ ...before, ...part }));
              setErrors({});
            }}
          />
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={isSaving} disabled={!isDirty}>
              Save
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
