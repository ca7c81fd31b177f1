import type { Schemas } from "@/api/client";

type Overview = Pick<
  Schemas["Overview"],
  "models" | "configurations" | "deployments" | "datasources" | "results" | "inferences"
>;

export interface Step {
  title: string;
  text: string;
  /** What the button to its page says. */
  action: string;
  href: string;
  search?: Record<string, string>;
  done: boolean;
}

/**
 * The way from a first model to a first prediction.
 *
 * @param awaiting the deployment that awaits a stream, if there is one.
 * @param trained a result whose model can predict, if there is one.
 */
export function stepsOf(overview: Overview, awaiting: number | null, trained: number | null): Step[] {
  const { models, configurations, deployments, datasources, results, inferences } = overview;
  return [
    {
      title: "Write a model",
      text:
        sum(models) > 0 && !models.valid
          ? "There is one, but none that is valid yet."
          : "A few lines of Keras, validated as you write.",
      action: sum(models) > 0 && !models.valid ? "See the models" : "New model",
      href: sum(models) > 0 && !models.valid ? "/models" : "/models/new",
      done: (models.valid ?? 0) > 0,
    },
    {
      title: "Put it into a configuration",
      text: "One or more models that are trained on the same stream.",
      action: "New configuration",
      href: "/configurations/new",
      done: configurations > 0,
    },
    {
      title: "Deploy it",
      text: "Choose epochs and batch size; it then awaits its stream.",
      action: "New deployment",
      href: "/deployments/new",
      done: sum(deployments) > 0,
    },
    {
      title: "Send a data stream",
      text: "A few lines of Python to copy, with the right address and ids.",
      action: "Show how",
      href: awaiting === null ? "/deployments" : `/deployments/${awaiting}`,
      done: datasources > 0,
    },
    {
      title: "Train",
      text: "It begins by itself with the stream. Watch the curves, then see the result.",
      action: "Watch",
      href: "/results",
      done: (results.finished ?? 0) > 0,
    },
    {
      title: "Predict",
      text: "Deploy the trained model on a topic: what comes in is predicted.",
      action: "Deploy for inference",
      href: "/inferences/new",
      ...(trained === null ? {} : { search: { result: String(trained) } }),
      done: sum(inferences) > 0,
    },
  ];
}

export function sum(byState: Readonly<Record<string, number>>): number {
  return Object.values(byState).reduce((all, number) => all + number, 0);
}

/** Seconds until a training is done, if its epochs go on taking as long as they did; null where that can't be known. */
export function secondsLeft(
  result: Pick<Schemas["ResultView"], "started_at" | "epochs" | "epochs_done" | "updated_at">,
): number | null {
  const { started_at, epochs, epochs_done, updated_at } = result;
  if (started_at === null || epochs === null || epochs_done === 0) return null;
  const taken = (new Date(updated_at).getTime() - new Date(started_at).getTime()) / 1000;
  return Math.max(0, (taken / epochs_done) * (epochs - epochs_done));
}
