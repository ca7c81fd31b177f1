import { seriesColour } from "@/app/theme";
import { type Second, sharesOf } from "./store";

/** A class that is drawn by itself, or all others together. */
export interface ClassBand {
  name: string;
  colour: string;
  times: number;
  share: number;
  /** The classes in it. */
  names: readonly string[];
}

const MOST = 10;
const OTHERS = "#8b979e";

/** The classes to be drawn; where there are many, the most frequent ones and the others together. */
export function bandsOf(seconds: readonly Second[]): ClassBand[] {
  const shares = sharesOf(seconds);
  const kept =
    shares.length <= MOST
      ? shares
      : [...shares]
          .sort((one, other) => other.times - one.times)
          .slice(0, MOST - 1)
          .sort((one, other) => Number(one.name) - Number(other.name));
  // Of many classes some would have the same colour by their number.
  const bands = kept.map(({ name, times, share }, index) => ({
    name: `Class ${name}`,
    colour: seriesColour(shares.length <= MOST ? Number(name) : index),
    times,
    share,
    names: [name],
  }));
  const rest = shares.filter(({ name }) => !kept.some((other) => other.name === name));
  if (rest.length === 0) return bands;
  const times = rest.reduce((all, other) => all + other.times, 0);
  const share = rest.reduce((all, other) => all + other.share, 0);
  return [
    ...bands,
    { name: `${rest.length} others`, colour: OTHERS, times, share, names: rest.map(({ name }) => name) },
  ];
}
