import type { Letter } from "./letters";

export function nameOf({ partition, offset }: Pick<Letter, "partition" | "offset">): string {
  return `${partition}:${offset}`;
}

/** Where a letter's message was, as text. */
export function originText({ origin }: Pick<Letter, "origin">): string {
  return origin === null ? "unknown" : `${origin.topic}:${origin.partition}:${origin.offset}`;
}

/** A service's name without what all have in common: `inference 3, replica 0`. */
export function serviceText({ service }: Pick<Letter, "service">): string {
  const inference = inferenceOf({ service });
  const replica = /\/inferences\/\d+\/(\d+)$/.exec(service)?.[1];
  if (inference !== null) return `Inference ${inference}${replica === undefined ? "" : `, replica ${replica}`}`;
  return service.replace(/^\/?kafka-ml\//, "");
}

/** The inference that could not process a message, where it was one. */
export function inferenceOf({ service }: Pick<Letter, "service">): number | null {
  const id = /\/inferences\/(\d+)(\/|$)/.exec(service)?.[1];
  return id === undefined ? null : Number(id);
}

/** Whether a letter can be sent again as it is. */
export function isWhole({ origin, cut }: Pick<Letter, "origin" | "cut">): boolean {
  return origin !== null && !cut;
}

/** How often a letter was sent again. */
export function sentText({ resent }: Pick<Letter, "resent">): string {
  if (resent === 0) return "not yet";
  return resent === 1 ? "once" : `${resent} times`;
}

/** What the letter of a name in the address is called. */
export function titleOf(name: string): string {
  return `Dead letter ${name.split(":")[1] ?? name}`;
}
