import { Button, Group, Loader, Text } from "@mantine/core";
import { IconActivity, IconArrowUp, IconDownload, IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { LiveEvent } from "@/api/live";
import { count } from "@/components/formats";
import { EmptyState, ErrorNotice, Loading } from "@/components/states";
import { EventRow } from "./EventRow";
import classes from "./events.module.css";
import { type EventFilter, useEvents } from "./useEvents";

interface EventListProps {
  /** What the events are about, such as `inferences/3`; everything without. */
  subject?: string;
  types?: readonly string[];
  /** Shown when there are none. */
  empty?: ReactNode;
}

const ROW_HEIGHT = 45;
const AHEAD = 12;

/** Everything that happened, the newest on top, as it happens. It stands still while paused, and while one reads further down. */
export function EventList({ subject, types, empty }: EventListProps) {
  const filter: EventFilter = {
    ...(types === undefined ? {} : { types }),
    ...(subject === undefined || subject === "" ? {} : { subjects: [subject] }),
  };
  const [paused, setPaused] = useState(false);
  const [below, setBelow] = useState(false);
  const { history, rows, waiting, take } = useEvents(filter, paused || below);
  const frame = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const look = () => setBelow((frame.current?.getBoundingClientRect().top ?? 0) < -40);
    window.addEventListener("scroll", look, { passive: true });
    return () => window.removeEventListener("scroll", look);
  }, []);

  if (rows === undefined) {
    if (history.error !== null)
      return (
        <ErrorNotice error={history.error} title="The events can't be shown" onRetry={() => void history.refetch()} />
      );
    return <Loading rows={8} />;
  }
  const show = () => {
    take();
    if (below) window.scrollTo({ top: 0 });
  };
  return (
    <div className={classes.frame} ref={frame}>
      <div className={classes.bar}>
        <Group gap="xs" role="status">
          {waiting > 0 ? (
            <Button size="xs" variant="light" leftSection={<IconArrowUp size={14} />} onClick={show}>
              {count(waiting)} new, show
            </Button>
          ) : (
            <Text size="xs" className="quiet">
              {paused ? "Paused" : "New events come on top"}
            </Text>
          )}
        </Group>
        <Group gap="xs">
          <Button
            size="xs"
            variant="default"
            leftSection={paused ? <IconPlayerPlay size={14} /> : <IconPlayerPause size={14} />}
            onClick={() => setPaused(!paused)}
          >
            {paused ? "Go on" : "Pause"}
          </Button>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconDownload size={14} />}
            disabled={rows.length === 0}
            onClick={() => save(rows)}
          >
            Export
          </Button>
        </Group>
      </div>
      {rows.length === 0 ? (
        (empty ?? (
          <EmptyState icon={IconActivity} title="Nothing has happened yet" text="Events show here as they happen." />
        ))
      ) : (
        <Rows rows={rows} history={history} />
      )}
    </div>
  );
}

function Rows({ rows, history }: { rows: readonly LiveEvent[]; history: ReturnType<typeof useEvents>["history"] }) {
  const list = useRef<HTMLUListElement>(null);
  const [top, setTop] = useState(0);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set());
  useLayoutEffect(() => {
    setTop((list.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
  }, []);
  const virtualizer = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_HEIGHT,
    overscan: AHEAD,
    scrollMargin: top,
    getItemKey: (index) => rows[index]?.sequence ?? index,
  });
  const visible = virtualizer.getVirtualItems();
  const last = visible.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage, error } = history;
  useEffect(() => {
    if (last >= rows.length - AHEAD && hasNextPage && !isFetchingNextPage && error === null) void fetchNextPage();
  }, [last, rows.length, hasNextPage, isFetchingNextPage, error, fetchNextPage]);
  const toggle = (sequence: number) => {
    const next = new Set(open);
    if (!next.delete(sequence)) next.add(sequence);
    setOpen(next);
  };
  return (
    <>
      <ul ref={list} className={classes.body} style={{ height: virtualizer.getTotalSize() }} aria-label="Events">
        {visible.map((item) => {
          const event = rows[item.index];
          return (
            event !== undefined && (
              <li
                key={item.key}
                data-index={item.index}
                ref={virtualizer.measureElement}
                className={classes.item}
                style={{ transform: `translateY(${item.start - virtualizer.options.scrollMargin}px)` }}
              >
                <EventRow event={event} open={open.has(event.sequence)} onToggle={() => toggle(event.sequence)} />
              </li>
            )
          );
        })}
      </ul>
      <Group className={classes.foot ?? ""} justify="space-between" gap="xs">
        <Text size="xs" className="quiet numeric">
          {count(rows.length)} {hasNextPage ? "loaded, more below" : "in all"}
        </Text>
        {isFetchingNextPage && <Loader size="xs" aria-label="Loading more" />}
        {error !== null && (
          <Button size="compact-xs" variant="default" onClick={() => void fetchNextPage()}>
            More can't be loaded just now. Try again
          </Button>
        )}
      </Group>
    </>
  );
}

/** Give the events to the browser as a file with one in each line, the oldest last. */
function save(rows: readonly LiveEvent[]): void {
  const lines = rows.map((event) => `${JSON.stringify(event)}\n`);
  const url = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "events.jsonl";
  link.click();
  URL.revokeObjectURL(url);
}
