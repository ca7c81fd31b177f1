import { Button, Text, UnstyledButton } from "@mantine/core";
import { useMediaQuery } from "@mantine/hooks";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useRef } from "react";
import { bytes, clock, count, dateTime } from "@/components/formats";
import { isNumbers, isObject, keyText } from "./content";
import { nameOf } from "./merge";
import classes from "./messages.module.css";
import type { Message } from "./read";
import { SampleView } from "./SampleView";

export type View = "sample" | "fields" | "raw";

interface MessageRowsProps {
  messages: readonly Message[];
  view: View;
  fields: readonly string[];
  open: Message | null;
  onOpen: (message: Message) => void;
  onBelow: (below: boolean) => void;
  busy: boolean;
  onOlder?: () => void;
  onNewer?: () => void;
  olderOnTop: boolean;
}

const ROW_HEIGHT = { sample: 56, fields: 44, raw: 40 } as const;

/** Messages as rows of a table that exist only where they are seen. */
export function MessageRows(props: MessageRowsProps) {
  const { messages, view, fields, open, onOpen, onBelow, busy, onOlder, onNewer, olderOnTop } = props;
  const frame = useRef<HTMLElement>(null);
  const height = ROW_HEIGHT[view];
  const virtualizer = useVirtualizer({
    count: messages.length,
    getScrollElement: () => frame.current,
    estimateSize: () => height,
    overscan: 8,
    getItemKey: (index) => {
      const message = messages[index];
      return message === undefined ? index : nameOf(message);
    },
  });
  const columns = columnsOf(view, fields);
  const isNarrow = useMediaQuery("(max-width: 599.98px)", undefined, { getInitialValueInEffect: false });
  // On a phone, time and key stand with the message when it is opened.
  const about = isNarrow ? [] : ["Time", "Key"];
  const tracks = `92px ${isNarrow ? "" : "92px minmax(64px, 0.7fr)"} ${columns.map(({ width }) => width).join(" ")} 64px`;
  const [above, under] = olderOnTop ? [onOlder, onNewer] : [onNewer, onOlder];
  const words = olderOnTop ? ["Older messages", "Newer messages"] : ["Newer messages", "Older messages"];
  return (
    <section
      ref={frame}
      className={classes.frame}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: so that it can be scrolled by keyboard
      tabIndex={0}
      aria-label="Messages"
      onScroll={(event) => onBelow(event.currentTarget.scrollTop > 4)}
    >
      <More label={words[0] ?? ""} busy={busy} onMore={above} />
      {/* biome-ignore lint/a11y/useSemanticElements: rows that are placed by hand are no rows of a <table> */}
      <div role="table" aria-label="Messages" aria-rowcount={messages.length + 1} className={classes.table}>
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: a row of headings is nothing to use */}
        <div
          role="row"
          aria-rowindex={1}
          className={`${classes.row} ${classes.head}`}
          style={{ gridTemplateColumns: tracks }}
        >
          {["Offset", ...about, ...columns.map(({ header }) => header), "Size"].map((header, index, all) => (
            // biome-ignore lint/a11y/useSemanticElements: as above
            // biome-ignore lint/a11y/useFocusableInteractive: a heading is nothing to use
            <div key={header} role="columnheader" data-align={index === all.length - 1 ? "right" : undefined}>
              {header}
            </div>
          ))}
        </div>
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        <div role="rowgroup" className={classes.body} style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map((item) => {
            const message = messages[item.index];
            if (message === undefined) return null;
            return (
              // biome-ignore lint/a11y/useSemanticElements: as above
              // biome-ignore lint/a11y/useFocusableInteractive: the button in it does the same by keyboard
              // biome-ignore lint/a11y/useKeyWithClickEvents: the button in it does the same by keyboard
              <div
                key={item.key}
                role="row"
                aria-rowindex={item.index + 2}
                className={classes.row}
                data-open={open !== null && nameOf(open) === nameOf(message) ? true : undefined}
                style={{ gridTemplateColumns: tracks, height, transform: `translateY(${item.start}px)` }}
                onClick={() => onOpen(message)}
              >
                <Cell>
                  <UnstyledButton className={classes.place} onClick={() => onOpen(message)}>
                    <span className="quiet">{message.partition}:</span>
                    {count(message.offset)}
                  </UnstyledButton>
                </Cell>
                {!isNarrow && (
                  <>
                    <Cell>
                      <span title={message.time === null ? "" : dateTime(message.time)}>
                        {message.time === null ? "–" : clock(message.time)}
                      </span>
                    </Cell>
                    <Cell>
                      {keyText(message) ?? (
                        <Text span size="xs" className="quiet">
                          no key
                        </Text>
                      )}
                    </Cell>
                  </>
                )}
                {columns.map((column) => (
                  <Cell key={column.header}>{column.cell(message)}</Cell>
                ))}
                <Cell align="right">{bytes(message.size)}</Cell>
              </div>
            );
          })}
        </div>
      </div>
      <More label={words[1] ?? ""} busy={busy} onMore={under} />
    </section>
  );
}

function Cell({ align, children }: { align?: "right"; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: see above
    <div role="cell" className={classes.cell} data-align={align}>
      {children}
    </div>
  );
}

function More({ label, busy, onMore }: { label: string; busy: boolean; onMore: (() => void) | undefined }) {
  if (onMore === undefined) return null;
  return (
    <div className={classes.more}>
      <Button size="compact-sm" variant="subtle" loading={busy} onClick={onMore}>
        {label}
      </Button>
    </div>
  );
}

interface Column {
  header: string;
  width: string;
  cell: (message: Message) => ReactNode;
}

function columnsOf(view: View, fields: readonly string[]): Column[] {
  if (view === "sample") {
    return [
      { header: "Label", width: "minmax(56px, 0.6fr)", cell: ({ sample }) => <Label label={sample?.label} /> },
      { header: "Sample", width: "minmax(150px, 3fr)", cell: (message) => <SampleCell message={message} /> },
    ];
  }
  if (view === "fields") {
    return fields.map((field) => ({
      header: field,
      width: "minmax(90px, 1fr)",
      cell: ({ document }) => <Field value={isObject(document) ? document[field] : undefined} />,
    }));
  }
  return [
    {
      header: "Value",
      width: "minmax(160px, 4fr)",
      cell: ({ value, value_base64 }) =>
        value_base64 === null ? (
          <span className="quiet">no value (deleted)</span>
        ) : (
          <span className={classes.code}>
            {value?.slice(0, 300) ?? keyText({ key: null, key_base64: value_base64 })}
          </span>
        ),
    },
  ];
}

function SampleCell({ message: { sample } }: { message: Message }) {
  if (sample === null) return <span className="quiet">–</span>;
  if (sample.error !== null)
    return (
      <span className={classes.bad} title={sample.error}>
        {sample.error}
      </span>
    );
  return <SampleView sample={sample} size={44} />;
}

function Label({ label }: { label: unknown }) {
  if (label === null || label === undefined) return <span className="quiet">–</span>;
  const [only] = Array.isArray(label) && label.length === 1 ? label : [label];
  return <>{typeof only === "object" ? JSON.stringify(only) : String(only)}</>;
}

function Field({ value }: { value: unknown }) {
  if (value === undefined || value === null) return <span className="quiet">–</span>;
  if (isNumbers(value)) return <SampleView sample={{ shape: [value.length], values: value }} size={84} />;
  return <span className={classes.code}>{typeof value === "string" ? value : JSON.stringify(value)}</span>;
}
