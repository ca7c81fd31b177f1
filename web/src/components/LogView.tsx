import { Button, Group, Stack, Text } from "@mantine/core";
import { IconFileText } from "@tabler/icons-react";
import { useDeferredValue, useMemo, useState } from "react";
import { clock, count, plural } from "./formats";
import classes from "./LogView.module.css";
import { type LogState, useLog } from "./LogViewFollow";
import { LogLinesView } from "./LogViewLines";
import { found, readable } from "./LogViewStream";
import { LogTools, type LogWishes } from "./LogViewTools";
import { EmptyState, ErrorNotice, Loading } from "./states";

export type LogPart = "host" | "model";

interface LogViewProps {
  /** Where the log is read, such as `/api/v1/results/7/log`. */
  source: string;
  /** Whether the work goes on, so that the log is followed. */
  running: boolean;
  parts?: readonly LogPart[];
  /** How many replicas there are to choose from. */
  replicas?: number;
  height?: number;
}

/** What a run prints, as it prints it: searched, paused, and as light with a hundred thousand lines as with ten. */
export function LogView({ source, running, parts = ["host", "model"], replicas = 1, height = 480 }: LogViewProps) {
  const [wishes, setWishes] = useState<LogWishes>({ part: parts[0] ?? "host", replica: 0, wrap: true, raw: false });
  const [search, setSearch] = useState("");
  const [current, setCurrent] = useState(0);
  const [isPaused, setPaused] = useState(false);
  const query = { part: wishes.part, replica: replicas > 1 ? wishes.replica : undefined };
  const { log, revision, state, retry } = useLog(source, query, running);
  const [frozen, setFrozen] = useState<readonly string[]>([]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the revision tells that the lines are others
  const latest = useMemo(() => (wishes.raw ? [...log.lines] : log.lines.map(readable)), [log, revision, wishes.raw]);
  const lines = isPaused ? frozen : latest;
  const wanted = useDeferredValue(search);
  const places = useMemo(() => found(lines, wanted), [lines, wanted]);
  const place = places.length === 0 ? null : (places[Math.min(current, places.length - 1)] ?? null);

  return (
    <section className={classes.frame} aria-label="Log">
      <LogTools
        wishes={wishes}
        onWishes={(next) => {
          setWishes(next);
          setPaused(false);
        }}
        parts={parts}
        replicas={replicas}
        search={search}
        onSearch={(text) => {
          setSearch(text);
          setCurrent(0);
        }}
        found={places.length}
        current={Math.min(current, Math.max(0, places.length - 1))}
        onCurrent={setCurrent}
        text={() => log.lines.join("\n")}
        name={`${source.replace("/api/v1/", "").replaceAll("/", "-")}.txt`}
      />
      {lines.length > 0 ? (
        <LogLinesView
          lines={lines}
          firstNumber={log.dropped + 1}
          height={height}
          wrap={wishes.wrap}
          search={wanted}
          place={place}
          follow={state.kind === "following" && !isPaused}
        />
      ) : (
        <Nothing state={state} height={height} onRetry={retry} />
      )}
      <Group className={classes.foot} justify="space-between" gap="xs">
        <Text size="xs" className="quiet" role="status">
          {said(state, lines.length, log.dropped)}
        </Text>
        {state.kind === "following" && lines.length > 0 && (
          <Button
            size="compact-xs"
            variant="default"
            onClick={() => {
              setFrozen(latest);
              setPaused(!isPaused);
            }}
          >
            {isPaused ? `Go on (${count(Math.max(0, latest.length - frozen.length))} new)` : "Pause"}
          </Button>
        )}
      </Group>
    </section>
  );
}

function Nothing({ state, height, onRetry }: { state: LogState; height: number; onRetry: () => void }) {
  return (
    <Stack mih={Math.min(height, 220)} justify="center" p="md">
      {state.kind === "opening" && <Loading rows={3} />}
      {state.kind === "failed" && <ErrorNotice error={state.error} title="The log can't be shown" onRetry={onRetry} />}
      {state.kind === "none" && <EmptyState icon={IconFileText} title="There is no log" text={state.text} />}
      {state.kind === "lost" && (
        <EmptyState
          icon={IconFileText}
          title="The log can't be reached"
          text="It is tried again until the server answers."
        />
      )}
      {(state.kind === "following" || state.kind === "ended") && (
        <Text size="sm" className="quiet" ta="center">
          {state.kind === "following" ? "Nothing has been printed yet." : "Nothing was printed."}
        </Text>
      )}
    </Stack>
  );
}

function said(state: LogState, lines: number, dropped: number): string {
  const many = plural(lines, "line") + (dropped > 0 ? `, ${plural(dropped, "older line")} no longer held` : "");
  if (state.kind === "following") return `${many}. Follows since ${clock(state.since)}.`;
  if (state.kind === "lost") return `${many}. Connection lost; it is tried again.`;
  if (state.kind === "ended") return state.text === "" ? `${many}.` : `${many}. ${state.text}`;
  return lines > 0 ? `${many}.` : "";
}
