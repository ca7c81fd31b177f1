import { history, historyKeymap, standardKeymap } from "@codemirror/commands";
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap } from "@codemirror/view";
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useEffectEvent, useRef } from "react";
import classes from "./editor.module.css";
import { FIXED, named, READING, scheme } from "./setup";

export interface CodeMergeProps {
  left: string;
  right: string;
  leftLabel: string;
  rightLabel: string;
  /** In one column, for narrow screens and small changes. */
  unified?: boolean;
  /** Makes the right side one to write in, with buttons that take a change over from the left. Not looked at later. */
  onRight?: (code: string) => void;
}

const UNCHANGED = { margin: 3, minSize: 6 };
/** Beyond, differences are told less exactly, in time. */
const DIFF = { scanLimit: 2000, timeout: 300 };

export function CodeMerge({ left, right, leftLabel, rightLabel, unified = false, onRight }: CodeMergeProps) {
  const dark = useComputedColorScheme("light") === "dark";
  const place = useRef<HTMLDivElement>(null);
  const writable = onRight !== undefined;
  const tell = useEffectEvent((code: string) => onRight?.(code));
  const latest = useEffectEvent(() => right);
  // What is written goes out by `onRight` and comes back as `right`: that makes no new view.
  const fixed = writable ? null : right;

  useEffect(() => {
    const parent = place.current;
    if (parent === null) return;
    const after = fixed ?? latest();
    const extensions = (label: string, open: boolean): Extension[] => [
      ...READING,
      scheme(dark),
      named(label),
      ...(open ? [history(), keymap.of([...standardKeymap, ...historyKeymap])] : FIXED),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) tell(update.state.doc.toString());
      }),
    ];
    const view = unified
      ? new EditorView({
          parent,
          state: EditorState.create({
            doc: after,
            extensions: [
              ...extensions(`${rightLabel}, compared with ${leftLabel}`, writable),
              unifiedMergeView({
                original: left,
                mergeControls: writable,
                collapseUnchanged: UNCHANGED,
                diffConfig: DIFF,
              }),
            ],
          }),
        })
      : new MergeView({
          parent,
          a: { doc: left, extensions: extensions(leftLabel, false) },
          b: { doc: after, extensions: extensions(rightLabel, writable) },
          collapseUnchanged: UNCHANGED,
          diffConfig: DIFF,
          ...(writable ? { revertControls: "a-to-b" as const, renderRevertControl: takeOver } : {}),
        });
    return () => view.destroy();
  }, [left, fixed, leftLabel, rightLabel, unified, writable, dark]);

  return <div ref={place} className={classes.merge} data-unified={unified || undefined} />;
}

function takeOver(): HTMLElement {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "→";
  button.title = "Take this change over";
  button.setAttribute("aria-label", "Take this change over");
  return button;
}
