import { Button, Group, Paper, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { api, ProblemError, unwrap } from "@/api/client";
import { itemOf } from "@/api/resources";
import { PageHeader } from "@/components/PageHeader";
import { ErrorNotice } from "@/components/states";
import { useUnsaved } from "@/components/unsaved";
import { InferenceFields } from "./InferenceFields";
import {
  type Body,
  bodyOf,
  configError,
  DEFAULTS,
  fieldOf,
  type InferenceValues,
  PARTS,
  topicError,
  topicOf,
  topicsFor,
} from "./settings";
import { useTrainingStream } from "./useTraining";

export function NewInferencePage() {
  const { result: wanted } = useSearch({ from: "/inferences/new" });
  const navigate = useNavigate();
  const [other, setOther] = useState<unknown>(null);
  const [open, setOpen] = useState<string[]>([]);
  const form = useForm<InferenceValues>({
    initialValues: { ...DEFAULTS, result: wanted !== undefined && /^\d+$/.test(wanted) ? wanted : null },
    validate: {
      result: (value) => (value === null ? "Choose the model that shall predict." : null),
      inputTopic: topicError,
      outputTopic: (name, { inputTopic }) =>
        topicError(name) ?? (name.trim() === inputTopic.trim() ? "Choose another topic than for the input." : null),
      config: (text, { ownFormat }) => (ownFormat ? configError(text) : null),
    },
  });
  const { values } = form;
  const result = useQuery({ ...itemOf("results", Number(values.result)), enabled: values.result !== null });
  const stream = useTrainingStream(result.data);

  const model = result.data?.model_name;
  // biome-ignore lint/correctness/useExhaustiveDependencies: suggested anew only for another model, and never over what was typed
  useEffect(() => {
    if (model === undefined || stream === undefined) return;
    const topics = topicsFor(stream === null ? null : topicOf(stream.stream.topic), model);
    if (!form.isTouched("inputTopic")) form.setFieldValue("inputTopic", topics.input);
    if (!form.isTouched("outputTopic")) form.setFieldValue("outputTopic", topics.output);
    if (stream !== null && !values.ownFormat) {
      form.setFieldValue("format", stream.input_format);
      form.setFieldValue("config", JSON.stringify(stream.stream.input_config ?? {}, null, 2));
    }
    // Without a stream that is known the format has to be given.
    if (stream === null) {
      form.setFieldValue("ownFormat", true);
      setOpen((before) => [...new Set([...before, "format"])]);
    }
  }, [values.result, model, stream]);

  const deploy = useMutation({
    mutationFn: (body: Body) => unwrap(api.POST("/api/v1/inferences", { body })),
    onSuccess: ({ id }) => void navigate({ to: "/inferences/$id", params: { id }, ignoreBlocker: true }),
  });
  useUnsaved((form.isTouched("inputTopic") || form.isTouched("config")) && !deploy.isPending, "This form");

  /** Opens what is folded over a field with an error, and goes to the first. */
  const show = (fields: readonly string[]) => {
    const parts = Object.entries(PARTS).filter(([, names]) => names.some((name) => fields.includes(name)));
    setOpen((before) => [...new Set([...before, ...parts.map(([part]) => part)])]);
    setTimeout(() => document.querySelector<HTMLElement>("main [aria-invalid=true]")?.focus(), 60);
  };
  const submit = form.onSubmit(
    async (filled) => {
      setOther(null);
      try {
        await deploy.mutateAsync(bodyOf(filled));
      } catch (error) {
        if (!(error instanceof ProblemError) || error.fields.size === 0) {
          setOther(error);
          return;
        }
        const named: string[] = [];
        for (const [pointer, message] of error.fields) {
          const field = fieldOf(pointer);
          if (field === null) setOther(error);
          else {
            form.setFieldError(field, message.replace(/^Value error, /, ""));
            named.push(field);
          }
        }
        show(named);
      }
    },
    (errors) => show(Object.keys(errors)),
  );
  return (
    <>
      <PageHeader
        title="Deploy for inference"
        parent={{ label: "Inference", to: "/inferences" }}
        description="A trained model predicts what comes in on one topic and writes what it predicts to another."
      />
      <form onSubmit={submit} noValidate>
        <Stack maw={760}>
          {other !== null && <ErrorNotice error={other} title="It could not be deployed" />}
          <Paper p="md" className="surface">
            <InferenceFields form={form} result={result.data} stream={stream} open={open} onOpen={setOpen} />
          </Paper>
          <Group>
            <Button type="submit" loading={deploy.isPending}>
              Deploy
            </Button>
            <Button variant="default" onClick={() => void navigate({ to: "/inferences" })}>
              Cancel
            </Button>
          </Group>
        </Stack>
      </form>
    </>
  );
}
