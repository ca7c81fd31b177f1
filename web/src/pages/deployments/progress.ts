import type { Schemas } from "@/api/client";

type Short = Pick<Schemas["DeploymentResult"], "state" | "epochs" | "epochs_done">;

const ENDED: readonly Schemas["ResultState"][] = ["finished", "failed", "stopped"];

/** How far all models of a deployment are together. A model that has ended is done, however many epochs it had. */
export function progressOf(results: readonly Short[]): {
  part: number;
  ended: number;
  epochs: number | null;
  done: number;
} {
  let part = 0;
  let ended = 0;
  let epochs: number | null = 0;
  let done = 0;
  for (const result of results) {
    const isEnded = ENDED.includes(result.state);
    if (isEnded) ended += 1;
    done += result.epochs_done;
    const all: number | null = isEnded ? (result.epochs ?? result.epochs_done) : result.epochs;
    epochs = epochs === null || all === null ? null : epochs + all;
    part += isEnded ? 1 : result.epochs ? result.epochs_done / result.epochs : 0;
  }
  return { part: results.length === 0 ? 0 : part / results.length, ended, epochs, done };
}
