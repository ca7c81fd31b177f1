import { Skeleton } from "@mantine/core";
import { lazy, Suspense } from "react";
import type { CodeEditorProps } from "./CodeEditor";
import type { CodeMergeProps } from "./CodeMerge";

export type { EditorHandle } from "./CodeEditor";
export type { LineProblem } from "./problems";

// The editor is larger than the pages around it: it comes when it is needed.
const LazyEditor = lazy(async () => ({ default: (await import("./CodeEditor")).CodeEditor }));
const LazyMerge = lazy(async () => ({ default: (await import("./CodeMerge")).CodeMerge }));

/** Python code to write or to read, with the lines that are wrong marked. */
export function CodeEditor(props: CodeEditorProps) {
  return (
    <Suspense
      fallback={
        <Skeleton height={props.height ?? 420} radius={0} role="status" aria-label="Loading the editor" aria-busy />
      }
    >
      <LazyEditor {...props} />
    </Suspense>
  );
}

/** Two pieces of code beside each other or in one, with what differs marked. */
export function CodeMerge(props: CodeMergeProps) {
  return (
    <Suspense fallback={<Skeleton height={320} radius={0} aria-label="Loading the comparison" />}>
      <LazyMerge {...props} />
    </Suspense>
  );
}
