import { ActionIcon, Group } from "@mantine/core";
import { IconArrowBarToDown, IconArrowBarToUp } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import classes from "./LogView.module.css";

interface LogLinesViewProps {
  lines: readonly string[];
  firstNumber: number;
  height: number;
  wrap: boolean;
  search: string;
  /** The line that the search is at. */
  place: number | null;
  follow: boolean;
}

const LINE = 18;
/** Pixels from the end within which the end is still being looked at. */
const NEAR_END = 40;

/** Lines that exist only where they are seen. Stays at the end while lines come, until someone scrolls up. */
export function LogLinesView({ lines, firstNumber, height, wrap, search, place, follow }: LogLinesViewProps) {
  const box = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const virtualizer = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE,
    overscan: 20,
  });
  const last = lines.length - 1;
  // biome-ignore lint/correctness/useExhaustiveDependencies: each new line is followed
  useLayoutEffect(() => {
    if (atEnd) virtualizer.scrollToIndex(last, { align: "end" });
  }, [lines.length]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another place is gone to
  useEffect(() => {
    if (place !== null) virtualizer.scrollToIndex(place, { align: "center" });
  }, [place]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: heights are others when lines are wrapped
  useEffect(() => virtualizer.measure(), [wrap]);

  return (
    <div style={{ position: "relative" }}>
      <div
        ref={box}
        role="log"
        aria-live={follow ? "polite" : "off"}
        aria-label="Lines"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled by keyboard
        tabIndex={0}
        className={classes.lines}
        style={{ height: Math.min(height, Math.max(120, virtualizer.getTotalSize() + 24)) }}
        onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) =>
          setAtEnd(scrollHeight - scrollTop - clientHeight < NEAR_END)
        }
      >
        <div className={classes.inner} style={{ height: virtualizer.getTotalSize() }}>
          {virtualizer.getVirtualItems().map((item) => (
            <div
              key={item.key}
              ref={virtualizer.measureElement}
              data-index={item.index}
              data-wrap={wrap || undefined}
              data-current={item.index === place || undefined}
              className={classes.line}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <span className={classes.number} aria-hidden>
                {firstNumber + item.index}
              </span>
              <span className={classes.text}>
                <Marked text={lines[item.index] ?? ""} search={search} />
              </span>
            </div>
          ))}
        </div>
      </div>
      <Group gap={4} pos="absolute" bottom={10} right={18}>
        <ActionIcon variant="default" aria-label="To the beginning" onClick={() => virtualizer.scrollToIndex(0)}>
          <IconArrowBarToUp size={16} />
        </ActionIcon>
        <ActionIcon
          variant="default"
          aria-label="To the end"
          disabled={atEnd}
          onClick={() => virtualizer.scrollToIndex(last, { align: "end" })}
        >
          <IconArrowBarToDown size={16} />
        </ActionIcon>
      </Group>
    </div>
  );
}

function Marked({ text, search }: { text: string; search: string }) {
  if (search === "") return text;
  const at = text.toLowerCase().indexOf(search.toLowerCase());
  if (at < 0) return text;
  const end = at + search.length;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, end)}</mark>
      <Marked text={text.slice(end)} search={search} />
    </>
  );
}
