import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python, pythonLanguage } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import {
  crosshairCursor,
  drawSelection,
  dropCursor,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
  rectangularSelection,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { completeKeras } from "./keras";

/** Colours are variables of editor.module.css, which know light and dark. */
const COLOURS = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword, tags.controlKeyword, tags.moduleKeyword], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.self], color: "var(--code-number)" },
  { tag: [tags.comment, tags.docComment], color: "var(--code-comment)", fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName)], color: "var(--code-function)" },
  { tag: [tags.className, tags.definition(tags.className)], color: "var(--code-function)" },
  { tag: [tags.propertyName], color: "var(--code-property)" },
  { tag: [tags.operator, tags.punctuation, tags.bracket], color: "var(--code-sign)" },
  { tag: tags.invalid, color: "var(--code-wrong)" },
]);

/** Python, in its colours, with line numbers. */
export const READING: readonly Extension[] = [
  lineNumbers(),
  highlightSpecialChars(),
  python(),
  indentUnit.of("    "),
  EditorState.tabSize.of(4),
  syntaxHighlighting(COLOURS),
  search({ top: true }),
  keymap.of(searchKeymap),
];

/** What writing needs beside. Tab indents; after Escape it leaves the editor, which CodeMirror does by itself. */
export const WRITING: readonly Extension[] = [
  history(),
  drawSelection(),
  dropCursor(),
  EditorState.allowMultipleSelections.of(true),
  rectangularSelection(),
  crosshairCursor(),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  highlightActiveLine(),
  highlightActiveLineGutter(),
  highlightSelectionMatches(),
  lintGutter(),
  pythonLanguage.data.of({ autocomplete: completeKeras }),
  autocompletion({ icons: false }),
  keymap.of([
    ...closeBracketsKeymap,
    ...defaultKeymap,
    ...historyKeymap,
    ...completionKeymap,
    ...lintKeymap,
    indentWithTab,
  ]),
];

/** Code that is only read: it can be reached, selected and copied. */
export const FIXED: readonly Extension[] = [EditorState.readOnly.of(true), EditorView.editable.of(false)];

/** How the editor is called by screen readers. */
export function named(label: string, describedBy?: string): Extension {
  return EditorView.contentAttributes.of({
    "aria-label": label,
    tabindex: "0",
    ...(describedBy === undefined ? {} : { "aria-describedby": describedBy }),
  });
}

export function scheme(dark: boolean): Extension {
  return EditorView.theme({}, { dark });
}
