import { Box, Text, Textarea, TextInput } from "@mantine/core";
import { useHotkeys } from "@mantine/hooks";
import { memo, type ReactNode, useCallback, useMemo, useRef } from "react";
import { CodeEditor, type EditorHandle, type LineProblem } from "@/components/editor";
import type { FieldErrors, Fields, Outcome } from "./draft";
import classes from "./models.module.css";
import { OutcomePanel } from "./OutcomePanel";

interface WorkbenchProps {
  fields: Fields;
  /** Has to stay the same function. */
  onFields: (change: Partial<Fields>) => void;
  /** What the server said of a field. */
  errors: FieldErrors;
  outcome: Outcome | null;
  isCurrent: boolean;
  hint: string;
  /** Whether the outcome has been waited for longer than usual. */
  isLong: boolean;
  onSave: () => void;
  /** Words about where the writing stands, and what can be done. */
  tools: ReactNode;
}

const EDITOR_HEIGHT = "clamp(340px, calc(100vh - 330px), 900px)";
const NO_PROBLEMS: readonly LineProblem[] = [];

/** Where a model is written: its name, its code, and beside it what the validation says. */
export function Workbench(props: WorkbenchProps) {
  const { fields, onFields, errors, outcome, isCurrent, hint, isLong, onSave, tools } = props;
  const editor = useRef<EditorHandle>(null);
  const goToLine = useCallback((at: number) => editor.current?.goToLine(at), []);
  useHotkeys([["mod+S", onSave]], [], true);
  const { line, message } = (isCurrent && outcome?.state === "invalid" && outcome.failure) || {};
  const problems = useMemo(
    () => (line === undefined || line === null || message === undefined ? NO_PROBLEMS : [{ line, message }]),
    [line, message],
  );

  return (
    <>
      <NameFields
        name={fields.name}
        description={fields.description}
        nameError={errors.name}
        descriptionError={errors.description}
        onFields={onFields}
      />
      <div className={classes.bench}>
        <div className={classes.tools}>{tools}</div>
        <Box className={classes.code ?? ""}>
          <CodeEditor
            value={fields.code}
            onChange={(code) => onFields({ code })}
            label="The model's code"
            problems={problems}
            height={EDITOR_HEIGHT}
            handle={editor}
          />
          {errors.code !== undefined && (
            <Text size="sm" c="red" p="xs" role="alert">
              {errors.code}
            </Text>
          )}
        </Box>
        <OutcomePanel outcome={outcome} isCurrent={isCurrent} hint={hint} isLong={isLong} onLine={goToLine} />
      </div>
    </>
  );
}

interface NameFieldsProps {
  name: string;
  description: string;
  nameError: string | undefined;
  descriptionError: string | undefined;
  onFields: (change: Partial<Fields>) => void;
}

// Not drawn again with each key that is pressed in the code.
const NameFields = memo(function NameFields(props: NameFieldsProps) {
  const { name, description, nameError, descriptionError, onFields } = props;
  return (
    <div className={classes.fields}>
      <TextInput
        label="Name"
        required
        maxLength={200}
        value={name}
        error={nameError}
        onChange={(event) => onFields({ name: event.currentTarget.value })}
      />
      <Textarea
        label="Description"
        autosize
        minRows={1}
        maxRows={4}
        maxLength={10_000}
        value={description}
        error={descriptionError}
        onChange={(event) => onFields({ description: event.currentTarget.value })}
      />
    </div>
  );
});
