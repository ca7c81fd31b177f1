import { setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useComputedColorScheme, VisuallyHidden } from "@mantine/core";
import { type Ref, useEffect, useEffectEvent, useId, useImperativeHandle, useLayoutEffect, useRef } from "react";
import classes from "./editor.module.css";
import { diagnosticsOf, type LineProblem } from "./problems";
import { FIXED, named, READING, scheme, WRITING } from "./setup";

export interface EditorHandle {
  /** Put the cursor on a line, counted from 1, and bring it into sight. */
  goToLine: (line: number) => void;
}

export interface CodeEditorProps {
  value: string;
  onChange?: (value: string) => void;
  /** What the code is, for people who hear it. */
  label: string;
  problems?: readonly LineProblem[];
  readOnly?: boolean;
  /** A CSS height; as high as its code without. */
  height?: string | number;
  handle?: Ref<EditorHandle>;
}

const NO_PROBLEMS: readonly LineProblem[] = [];

export function CodeEditor(props: CodeEditorProps) {
  const { value, onChange, label, problems = NO_PROBLEMS, readOnly = false, height, handle } = props;
  const dark = useComputedColorScheme("light") === "dark";
  const help = useId();
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const colours = useRef(new Compartment());
  const isDark = useEffectEvent(() => dark);
  const initial = useEffectEvent(() => value);
  const tell = useEffectEvent((text: string) => onChange?.(text));

  useLayoutEffect(() => {
    if (place.current === null) return;
    const made = new EditorView({
      parent: place.current,
      state: EditorState.create({
        doc: initial(),
        extensions: [
          ...READING,
          ...(readOnly ? FIXED : WRITING),
          named(label, readOnly ? undefined : help),
          colours.current.of(scheme(isDark())),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) tell(update.state.doc.toString());
          }),
        ],
      }),
    });
    view.current = made;
    return () => {
      view.current = null;
      made.destroy();
    };
  }, [readOnly, label, help]);

  // In the same task as the rendering, so that nothing that is typed can come in between and be undone.
  useLayoutEffect(() => {
    const doc = view.current?.state.doc;
    if (doc !== undefined && doc.toString() !== value) {
      view.current?.dispatch({ changes: { from: 0, to: doc.length, insert: value } });
    }
  }, [value]);

  useEffect(() => {
    view.current?.dispatch({ effects: colours.current.reconfigure(scheme(dark)) });
  }, [dark]);

  useEffect(() => {
    const { state } = view.current ?? {};
    if (state !== undefined) view.current?.dispatch(setDiagnostics(state, diagnosticsOf(state.doc, problems)));
  }, [problems]);

  useImperativeHandle(handle, () => ({
    goToLine: (line) => {
      const editor = view.current;
      if (editor === null) return;
      const { from } = editor.state.doc.line(Math.min(Math.max(1, line), editor.state.doc.lines));
      editor.dispatch({
        selection: { anchor: from },
        effects: EditorView.scrollIntoView(from, { y: "center" }),
      });
      editor.focus();
      editor.dom.scrollIntoView({ block: "nearest" });
    },
  }));

  return (
    <div
      className={classes.editor}
      style={height === undefined ? undefined : { height }}
      data-fixed={height !== undefined || undefined}
    >
      <div ref={place} className={classes.place} />
      {!readOnly && (
        <VisuallyHidden id={help}>
          Tab indents. To leave the editor by keyboard, press Escape and then Tab.
        </VisuallyHidden>
      )}
    </div>
  );
}
