import { useEffect, useState } from "react";
import { getJson, type Schemas } from "@/api/client";
import type { Summary } from "./reading";
import { EMPTY, Predictions, type Snapshot } from "./store";

export type Following = "connecting" | "following" | "lost";

const DRAW_MS = 300;
const SILENT_MS = 8000;
const RETRY_MS = [1000, 2000, 4000, 8000];
const BEFORE = 50;

/** What an inference predicts, as it does; drawn anew some three times a second, and not while nobody looks. */
export function usePredictions(id: number): { snapshot: Snapshot; state: Following } {
  const [snapshot, setSnapshot] = useState<Snapshot>(EMPTY);
  const [state, setState] = useState<Following>("connecting");

  useEffect(() => {
    const store = new Predictions();
    const away = new AbortController();
    let source: EventSource | null = null;
    let tries = 0;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let silence: ReturnType<typeof setTimeout> | undefined;
    let drawing: ReturnType<typeof setTimeout> | undefined;
    const draw = () => {
      drawing ??= setTimeout(() => {
        drawing = undefined;
        setSnapshot(store.snapshot());
      }, DRAW_MS);
    };
    const close = () => {
      clearTimeout(timer);
      clearTimeout(silence);
      source?.close();
      source = null;
    };
    const again = () => {
      close();
      setState("lost");
      timer = setTimeout(open, RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]);
      tries += 1;
    };
    /** A heartbeat comes every two seconds; a line without is dead, whatever the browser believes. */
    const expectWord = () => {
      clearTimeout(silence);
      silence = setTimeout(again, SILENT_MS);
    };
    const open = () => {
      close();
      source = new EventSource(`/api/v1/inferences/${id}/predictions/live`);
      expectWord();
      source.onopen = () => {
        expectWord();
        setState("following");
      };
      source.onmessage = (message: MessageEvent<string>) => {
        tries = 0;
        expectWord();
        setState("following");
        store.add(JSON.parse(message.data) as Summary);
        draw();
      };
      source.onerror = again;
    };
    const followVisibility = () => {
      if (document.visibilityState === "hidden") close();
      else if (source === null) open();
    };
    getJson<Schemas["PredictionsPreview"]>(`/api/v1/inferences/${id}/predictions`, { limit: BEFORE }, away.signal)
      .then(({ predictions }) => {
        store.seed(predictions);
        draw();
      })
      // What was predicted before is nice to have; what comes shows all the same.
      .catch(() => undefined);
    setSnapshot(EMPTY);
    setState("connecting");
    open();
    document.addEventListener("visibilitychange", followVisibility);
    return () => {
      away.abort();
      close();
      clearTimeout(drawing);
      document.removeEventListener("visibilitychange", followVisibility);
    };
  }, [id]);
  return { snapshot, state };
}
