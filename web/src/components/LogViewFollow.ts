import { useEffect, useEffectEvent, useRef, useState } from "react";
import { ProblemError, searchOf } from "@/api/client";
import { useLiveEvents } from "@/api/useLive";
import { EventParser, LogLines } from "./LogViewStream";

export type LogState =
  | { kind: "opening" }
  | { kind: "none"; text: string }
  | { kind: "following"; since: Date }
  | { kind: "lost" }
  | { kind: "ended"; text: string }
  | { kind: "failed"; error: ProblemError };

const LINES = 10_000;
const RETRY_MS = 2000;

interface Log {
  log: LogLines;
  /** Grows with each change of `log`. */
  revision: number;
  state: LogState;
  retry: () => void;
}

/** A log, and what comes to it while the work runs; begun anew when another attempt's log begins. */
export function useLog(source: string, query: Record<string, unknown>, running: boolean): Log {
  const log = useRef(new LogLines());
  const [revision, setRevision] = useState(0);
  const [state, setState] = useState<LogState>({ kind: "opening" });
  const [attempt, setAttempt] = useState(0);
  const drawing = useRef(0);
  const address = source + searchOf({ ...query, lines: LINES, follow: running ? true : undefined });

  const changed = useEffectEvent(() => {
    cancelAnimationFrame(drawing.current);
    drawing.current = requestAnimationFrame(() => setRevision((before) => before + 1));
  });
  const begin = useEffectEvent(() => {
    log.current = new LogLines();
    changed();
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: another attempt reads again
  useEffect(() => {
    const end = new AbortController();
    let waiting: ReturnType<typeof setTimeout> | undefined;
    const lost = () => {
      setState({ kind: "lost" });
      waiting = setTimeout(() => setAttempt((before) => before + 1), RETRY_MS);
    };
    read(address, end.signal, {
      onOpen: (isFollowed) => {
        begin();
        setState(isFollowed ? { kind: "following", since: new Date() } : { kind: "ended", text: "" });
      },
      onText: (text) => {
        log.current.append(text);
        changed();
      },
      onAnew: begin,
      onEnd: (text) => setState({ kind: "ended", text }),
      onLost: lost,
    }).catch((error: unknown) => {
      if (end.signal.aborted) return;
      if (!(error instanceof ProblemError)) lost();
      else if (error.status === 404) setState({ kind: "none", text: error.advice ?? error.message });
      else setState({ kind: "failed", error });
    });
    return () => {
      end.abort();
      clearTimeout(waiting);
    };
  }, [address, attempt]);

  const subject = /([a-z]+\/\d+)\/log/.exec(source)?.[1];
  useLiveEvents((event) => {
    // Where there is no log yet, something that happens to the thing may have begun one.
    if (event.subject === subject && state.kind === "none") setAttempt((before) => before + 1);
  });
  return { log: log.current, revision, state, retry: () => setAttempt(attempt + 1) };
}

interface Reader {
  onOpen: (isFollowed: boolean) => void;
  onText: (text: string) => void;
  onAnew: () => void;
  onEnd: (text: string) => void;
  onLost: () => void;
}

async function read(address: string, signal: AbortSignal, reader: Reader): Promise<void> {
  const response = await fetch(address, { signal });
  if (!response.ok) throw await problemOf(response);
  const isFollowed = (response.headers.get("Content-Type") ?? "").startsWith("text/event-stream");
  reader.onOpen(isFollowed);
  if (!isFollowed || response.body === null) {
    reader.onText(await response.text());
    return;
  }
  const parser = new EventParser();
  const pieces = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value, done } = await pieces.read();
    if (done) break;
    for (const { name, data } of parser.take(value)) {
      if (name === "message") reader.onText(JSON.parse(data) as string);
      if (name === "anew") reader.onAnew();
      if (name === "end") {
        reader.onEnd(data);
        return;
      }
    }
  }
  reader.onLost();
}

async function problemOf(response: Response): Promise<ProblemError> {
  const body = (await response.json().catch(() => ({}))) as { detail?: string; advice?: string | null };
  const detail = body.detail ?? `The server answered with status ${response.status}.`;
  return new ProblemError({ ...body, detail, status: response.status });
}
