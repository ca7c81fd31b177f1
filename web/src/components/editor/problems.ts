import type { Diagnostic } from "@codemirror/lint";
import type { Text } from "@codemirror/state";

/** Something wrong with a line; lines are counted from 1. */
export interface LineProblem {
  line: number;
  message: string;
}

/** Problems as marks over their line's code. A line that is no longer there is marked at the end. */
export function diagnosticsOf(doc: Text, problems: readonly LineProblem[]): Diagnostic[] {
  return problems.map(({ line, message }) => {
    const at = doc.line(Math.min(Math.max(1, line), doc.lines));
    const indent = at.text.length - at.text.trimStart().length;
    const from = at.text.trim() === "" ? at.from : at.from + indent;
    return { from, to: at.to, severity: "error", message, source: "Validation" };
  });
}
