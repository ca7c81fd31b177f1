import { queryOptions, useQueries, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef } from "react";
import { getJson, type Schemas } from "@/api/client";
import { useLiveEvents } from "@/api/useLive";
import { type Curves, collected, type EpochData, NO_CURVES, withEpochs } from "./curves";

const MOST = 10_000;

/**
 * A result's epochs as curves. Their key is none of those that an event makes stale: an epoch's event has all that is needed, and reading
 * a thousand epochs again for each one more would be too much.
 */
export function curvesOf(id: number) {
  return queryOptions({
    queryKey: ["curves", id] as const,
    queryFn: async ({ signal }) => {
      let curves: Curves = NO_CURVES;
      for (;;) {
        const query = { after: curves.epochs.at(-1) ?? 0, limit: MOST };
        const { items } = await getJson<Schemas["Epochs"]>(`/api/v1/results/${id}/epochs`, query, signal);
        curves = collected(curves, items);
        if (items.length < MOST) return curves;
      }
    },
  });
}

/** The curves of several results by their ids, which grow as epochs end. */
export function useCurves(ids: readonly number[]): ReadonlyMap<number, Curves> {
  const queries = useQueryClient();
  const waiting = useRef(new Map<number, EpochData[]>());
  const frame = useRef(0);
  useEffect(() => () => cancelAnimationFrame(frame.current), []);

  const append = () => {
    frame.current = 0;
    for (const [id, epochs] of waiting.current) {
      const { queryKey } = curvesOf(id);
      const known = queries.getQueryData(queryKey);
      const grown = known === undefined ? null : withEpochs(known, epochs);
      if (grown === null) void queries.invalidateQueries({ queryKey });
      else queries.setQueryData(queryKey, grown);
    }
    waiting.current.clear();
  };
  useLiveEvents(({ type, data }) => {
    const id = data.result_id;
    if (typeof id !== "number" || !ids.includes(id)) return;
    if (type === "kafka-ml.training.started") {
      // Another attempt begins with the first epoch again.
      waiting.current.delete(id);
      void queries.resetQueries({ queryKey: curvesOf(id).queryKey });
    } else if (type === "kafka-ml.training.epoch") {
      waiting.current.set(id, [...(waiting.current.get(id) ?? []), data as unknown as EpochData]);
      if (frame.current === 0) frame.current = requestAnimationFrame(append);
    }
  });

  // biome-ignore lint/correctness/useExhaustiveDependencies: the same ids are the same map, as long as their curves are
  const combine = useCallback(
    (found: readonly { data: Curves | undefined }[]) =>
      new Map(ids.map((id, index) => [id, found[index]?.data ?? NO_CURVES])),
    [ids.join()],
  );
  return useQueries({ queries: ids.map(curvesOf), combine });
}
