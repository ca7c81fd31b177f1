/** How a sample can be drawn: pure, of its shape and values alone. */

export type Value = number | string | boolean | null;

/** A message's decoded sample: its values one after the other, the last dimension first. */
export interface Sample {
  shape: readonly number[] | null;
  values: readonly Value[] | null;
  truncated?: boolean;
}

interface Image {
  kind: "image";
  width: number;
  height: number;
  channels: 1 | 3 | 4;
  /** Whether a channel's values stand together, instead of a pixel's. */
  planes: boolean;
}

export type Drawing = Image | { kind: "vector"; length: number } | { kind: "text" };

const LEAST = 4;
const MOST = 4096;

/** What a sample looks like: an image, a row of numbers, or else text. */
export function drawingOf({ shape, values, truncated = false }: Sample): Drawing {
  if (shape === null || values === null || values.length === 0) return { kind: "text" };
  if (values.some((value) => typeof value === "string")) return { kind: "text" };
  const image = truncated ? null : imageOf(shape.filter((size, at) => size !== 1 || at > 0 || shape.length < 3));
  if (image !== null) return image;
  return values.length === 1 ? { kind: "text" } : { kind: "vector", length: values.length };
}

function imageOf(shape: readonly number[]): Image | null {
  const [first = 0, second = 0, third] = shape;
  if (shape.length === 2) return sized(second, first, 1, false);
  if (shape.length !== 3 || third === undefined) return null;
  if (third === 1 || third === 3 || third === 4) return sized(second, first, third, false);
  return first === 3 ? sized(third, second, 3, true) : null;
}

function sized(width: number, height: number, channels: Image["channels"], planes: boolean): Image | null {
  const fits = Math.min(width, height) >= LEAST && Math.max(width, height) <= MOST;
  return fits ? { kind: "image", width, height, channels, planes } : null;
}

/** The least and the greatest value; null where there is no number. */
export function limits(values: readonly Value[]): [number, number] | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    const number = numberOf(value);
    if (number === null) continue;
    if (number < low) low = number;
    if (number > high) high = number;
  }
  return low <= high ? [low, high] : null;
}

/** Pixels as a canvas takes them, from the darkest to the lightest value; what is no number stays transparent. */
export function pixelsOf(values: readonly Value[], image: Image): Uint8ClampedArray<ArrayBuffer> {
  const { width, height, channels, planes } = image;
  const [low, high] = scaleOf(limits(values), channels);
  const pixels = new Uint8ClampedArray(width * height * 4);
  const area = width * height;
  for (let pixel = 0; pixel < area; pixel += 1) {
    let known = true;
    const channel = (index: number) => {
      const number = numberOf(values[planes ? index * area + pixel : pixel * channels + index] ?? null);
      if (number === null) known = false;
      return (255 * ((number ?? low) - low)) / (high - low);
    };
    const red = channel(0);
    pixels[pixel * 4] = red;
    pixels[pixel * 4 + 1] = channels === 1 ? red : channel(1);
    pixels[pixel * 4 + 2] = channels === 1 ? red : channel(2);
    pixels[pixel * 4 + 3] = known ? (channels === 4 ? channel(3) : 255) : 0;
  }
  return pixels;
}

/** Bytes and parts of one keep their scale in colour images; whatever else is stretched to what there is. */
function scaleOf(found: [number, number] | null, channels: number): [number, number] {
  if (found === null) return [0, 1];
  const [least, high] = found;
  const low = Math.min(0, least);
  if (channels > 1 && low === 0) return [0, high <= 1 ? 1 : Math.max(high, 255)];
  return high > low ? [low, high] : [low, low + 1];
}

export function numberOf(value: Value): number | null {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** The first values as text. */
export function textOf(values: readonly Value[] | null, most = 12): string {
  if (values === null) return "";
  const shown = values.slice(0, most).map((value) => {
    if (value === null) return "none";
    return typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
  });
  return shown.join(", ") + (values.length > most ? ", …" : "");
}
