import { Stack, Textarea, TextInput } from "@mantine/core";
import { ProblemError, type Schemas } from "@/api/client";
import { ModelPicker } from "./ModelPicker";
import { ModelsTable } from "./ModelsTable";

export type Draft = Pick<Schemas["ConfigurationView"], "name" | "description" | "model_ids">;
export type Errors = Partial<Record<keyof Draft, string>>;

interface ConfigurationFormProps {
  draft: Draft;
  onDraft: (change: Partial<Draft>) => void;
  errors: Errors;
}

export function ConfigurationForm({ draft, onDraft, errors }: ConfigurationFormProps) {
  return (
    <Stack>
      <TextInput
        label="Name"
        required
        maxLength={200}
        maw={460}
        data-autofocus
        value={draft.name}
        error={errors.name}
        onChange={(event) => onDraft({ name: event.currentTarget.value })}
      />
      <Textarea
        label="Description"
        autosize
        minRows={2}
        maxRows={8}
        maxLength={10_000}
        value={draft.description}
        error={errors.description}
        onChange={(event) => onDraft({ description: event.currentTarget.value })}
      />
      <ModelPicker ids={draft.model_ids} onChange={(model_ids) => onDraft({ model_ids })} error={errors.model_ids} />
      {draft.model_ids.length > 0 && (
        <ModelsTable
          ids={draft.model_ids}
          onRemove={(id) => onDraft({ model_ids: draft.model_ids.filter((other) => other !== id) })}
        />
      )}
    </Stack>
  );
}

/** What is missing before it can be sent. */
export function missing(draft: Draft): Errors {
  return {
    ...(draft.name.trim() === "" ? { name: "A configuration needs a name." } : {}),
    ...(draft.model_ids.length === 0 ? { model_ids: "A configuration needs at least one model." } : {}),
  };
}

/** What a refusal says of the form's fields. */
export function refused(error: unknown): Errors {
  if (!(error instanceof ProblemError)) return {};
  const found: Errors = {};
  for (const [pointer, said] of error.fields) {
    for (const name of ["name", "description", "model_ids"] as const) {
      if (pointer === `/${name}` || pointer.startsWith(`/${name}/`)) found[name] ??= said;
    }
  }
  return found;
}

/** What differs between two drafts. */
export function changed(before: Draft, after: Draft): Partial<Draft> {
  return {
    ...(before.name === after.name ? {} : { name: after.name }),
    ...(before.description === after.description ? {} : { description: after.description }),
    ...(before.model_ids.join() === after.model_ids.join() ? {} : { model_ids: after.model_ids }),
  };
}
