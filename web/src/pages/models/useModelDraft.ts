import { notifications } from "@mantine/notifications";
import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useState } from "react";
import { getJson, ProblemError } from "@/api/client";
import { keys, type Views } from "@/api/resources";
import { tellFailure } from "@/components/actions";
import { fieldErrors, saveModel } from "./actions";
import { changes, type FieldErrors, type Fields, fieldsOf, withoutErrors } from "./draft";

type Model = Views["models"];

/** A model that is being changed: what it was when that began, what is written, and what somebody else saved meanwhile. */
export function useModelDraft(model: Model) {
  const queries = useQueryClient();
  const [base, setBase] = useState(model);
  const [fields, setFields] = useState<Fields>(() => fieldsOf(model));
  const [errors, setErrors] = useState<FieldErrors>({});
  const [isSaving, setSaving] = useState(false);
  /** What is there now, when saving would overwrite it. */
  const [other, setOther] = useState<Model | null>(null);
  const changed = changes(fieldsOf(base), fields);
  const isDirty = Object.keys(changed).length > 0;

  // While nothing is written, the form shows what is there.
  if (model.revision > base.revision && !isDirty) {
    setBase(model);
    setFields(fieldsOf(model));
  }

  const change = useCallback((part: Partial<Fields>) => {
    setFields((before) => ({ ...before, ...part }));
    setErrors((before) => withoutErrors(before, part));
  }, []);
  const saved = (now: Model, code: string) => {
    queries.setQueryData(keys.item("models", now.id), now);
    setBase(now);
    setFields(fieldsOf(now));
    setOther(null);
    setErrors({});
    const isNew = now.code !== code;
    notifications.show({
      message: isNew ? `Version ${now.version} is saved and being validated.` : "Saved.",
      color: "teal",
    });
  };
  const send = async (seen: Model, wanted: Fields): Promise<void> => {
    const wished = changes(fieldsOf(seen), wanted);
    if (isSaving) return;
    if (wanted.name.trim() === "") {
      setErrors({ name: "A model needs a name." });
      return;
    }
    setSaving(true);
    try {
      const now = Object.keys(wished).length === 0 ? seen : await saveModel(seen, wished);
      saved(now, seen.code);
    } catch (error) {
      if (error instanceof ProblemError && error.status === 412) {
        setOther(await getJson<Model>(`/api/v1/models/${model.id}`, {}).catch(() => null));
      } else {
        const found = fieldErrors(error);
        setErrors(found);
        setOther(null);
        if (Object.keys(found).length === 0) tellFailure("The model could not be saved", error);
      }
    } finally {
      setSaving(false);
    }
  };

  return {
    base,
    fields,
    errors,
    isDirty,
    isSaving,
    other,
    hasNewCode: fields.code !== base.code,
    /** Whether somebody else has saved since. */
    isStale: model.revision > base.revision,
    change,
    discard: () => {
      setBase(model);
      setFields(fieldsOf(model));
      setErrors({});
    },
    save: () => (isDirty ? send(base, fields) : Promise.resolve()),
    /** Saves what a person has put together, over what is there now. */
    saveOver: (seen: Model, wanted: Fields) => send(seen, wanted),
    takeOther: (seen: Model) => {
      queries.setQueryData(keys.item("models", seen.id), seen);
      setBase(seen);
      setFields(fieldsOf(seen));
      setOther(null);
    },
    compare: () => setOther(model),
    closeOther: () => setOther(null),
  };
}
