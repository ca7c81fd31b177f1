import { Button, Kbd, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { api, unwrap } from "@/api/client";
import { itemOf, keys, type Views } from "@/api/resources";
import { tellFailure } from "@/components/actions";
import { useConfirm } from "@/components/confirm";
import { PageHeader } from "@/components/PageHeader";
import { Loaded } from "@/components/states";
import { useUnsaved } from "@/components/unsaved";
import { fieldErrors } from "./actions";
import { changes, type FieldErrors, type Fields, withoutErrors } from "./draft";
import { ExampleMenu } from "./ExampleMenu";
import { EXAMPLES, type Example } from "./examples";
import { useLong } from "./useLong";
import { useValidation } from "./useValidation";
import { Workbench } from "./Workbench";

export const HINT =
  "A model's code leaves a compiled Keras model in the variable “model”. tf, keras and np are there without an import.";

export function NewModelPage() {
  const { from } = useSearch({ from: "/models/new" });
  return from !== undefined && /^\d+$/.test(from) ? (
    <CopyOf key={from} id={Number(from)} />
  ) : (
    <NewModel original={null} />
  );
}

function CopyOf({ id }: { id: number }) {
  const original = useQuery(itemOf("models", id));
  return (
    <Loaded query={original} failure="The model to be copied can't be read">
      {(data) => <NewModel original={data} />}
    </Loaded>
  );
}

function begin(original: Views["models"] | null): Fields {
  if (original === null) return { name: "", description: "", code: EXAMPLES[0].code };
  return { name: `${original.name} copy`.slice(0, 200), description: original.description, code: original.code };
}

function NewModel({ original }: { original: Views["models"] | null }) {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const confirm = useConfirm();
  const [initial, setInitial] = useState<Fields>(() => begin(original));
  const [fields, setFields] = useState<Fields>(initial);
  const [errors, setErrors] = useState<FieldErrors>({});
  const [isSaving, setSaving] = useState(false);
  const validation = useValidation(fields.code);
  useUnsaved(Object.keys(changes(initial, fields)).length > 0 && !isSaving, "This model");

  const change = useCallback((part: Partial<Fields>) => {
    setFields((before) => ({ ...before, ...part }));
    setErrors((before) => withoutErrors(before, part));
  }, []);
  const choose = async (example: Example) => {
    const isOwn = fields.code.trim() !== "" && !EXAMPLES.some(({ code }) => code === fields.code);
    const question = {
      title: "Replace the code?",
      text: `What is written is replaced by the example “${example.name}”. Undo brings it back.`,
      action: "Replace",
    };
    if (isOwn && !(await confirm(question))) return;
    setInitial((before) => ({ ...before, code: example.code }));
    change({ code: example.code });
  };
  const save = async () => {
    if (isSaving) return;
    if (fields.name.trim() === "") {
      setErrors({ name: "A model needs a name." });
      return;
    }
    setSaving(true);
    try {
      const model = await unwrap(api.POST("/api/v1/models", { body: fields }));
      queries.setQueryData(keys.item("models", model.id), model);
      void queries.invalidateQueries({ queryKey: keys.lists("models") });
      await navigate({ to: "/models/$id", params: { id: model.id }, ignoreBlocker: true });
    } catch (error) {
      setSaving(false);
      const found = fieldErrors(error);
      setErrors(found);
      if (Object.keys(found).length === 0) tellFailure("The model could not be created", error);
    }
  };

  const isEmpty = fields.code.trim() === "";
  const isCurrent = validation.isCurrent || isEmpty || validation.error !== null;
  const isLong = useLong(isCurrent ? null : fields.code);
  return (
    <>
      <PageHeader
        title="New model"
        parent={{ label: "Models", to: "/models" }}
        description={original === null ? HINT : `A copy of ${original.name}, version ${original.version}.`}
      />
      <Workbench
        fields={fields}
        onFields={change}
        errors={errors}
        outcome={isEmpty ? null : validation.view}
        isCurrent={isCurrent}
        isLong={isLong}
        hint={hintOf(isEmpty, validation.error)}
        onSave={() => void save()}
        tools={
          <>
            <Text size="sm" className="quiet">
              Validated as you write
            </Text>
            <ExampleMenu onChoose={(example) => void choose(example)} />
            <Button
              size="xs"
              loading={isSaving}
              disabled={isEmpty}
              onClick={() => void save()}
              rightSection={<SaveKeys />}
            >
              Create model
            </Button>
          </>
        }
      />
    </>
  );
}

/** What stands where there is no outcome. */
export function hintOf(isEmpty: boolean, error: unknown): string {
  if (isEmpty) return HINT;
  if (error === null) return "The first outcome comes in a few seconds.";
  const why = error instanceof Error ? error.message : "";
  return `The code can't be validated while it is being written: ${why} It can be saved all the same.`;
}

const MAC = /Mac|iPhone|iPad/.test(navigator.platform);

/** The keys that save. */
export function SaveKeys() {
  return (
    <Kbd size="xs" visibleFrom="sm" aria-hidden>
      {MAC ? "⌘ S" : "Ctrl S"}
    </Kbd>
  );
}
