import { Text, useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import { metric, plural, shape as shapeText } from "@/components/formats";
import classes from "./messages.module.css";
import { type Drawing, drawingOf, limits, numberOf, pixelsOf, type Sample, textOf, type Value } from "./sample";

interface SampleViewProps {
  sample: Sample;
  /** The longer side of an image, or the width of a row of numbers, in pixels. */
  size?: number;
}

const BARS = 64;

/** A decoded sample as it looks: an image, bars, a strip of colours, or its values as text. */
export function SampleView({ sample, size = 96 }: SampleViewProps) {
  const drawing = drawingOf(sample);
  if (drawing.kind === "text") {
    return (
      <Text span size="xs" ff="monospace" className={classes.values ?? ""}>
        {textOf(sample.values) || "–"}
      </Text>
    );
  }
  return <Drawn drawing={drawing} sample={sample} size={size} />;
}

function Drawn({
  drawing,
  sample,
  size,
}: {
  drawing: Exclude<Drawing, { kind: "text" }>;
  sample: Sample;
  size: number;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const { values } = sample;
  const [width, height] = sizeOf(drawing, size);
  const form = JSON.stringify(drawing);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the form stands for the drawing, which is made anew each time
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context === null || context === undefined || values === null) return;
    if (drawing.kind === "image") {
      context.canvas.width = drawing.width;
      context.canvas.height = drawing.height;
      context.putImageData(new ImageData(pixelsOf(values, drawing), drawing.width, drawing.height), 0, 0);
    } else {
      const ratio = window.devicePixelRatio || 1;
      context.canvas.width = width * ratio;
      context.canvas.height = height * ratio;
      context.scale(ratio, ratio);
      if (values.length <= BARS) drawBars(context, values, width, height, scheme);
      else drawStrip(context, values, width, height, scheme);
    }
  }, [form, values, width, height, scheme]);

  return (
    <canvas
      ref={canvas}
      role="img"
      aria-label={words(sample, drawing)}
      className={classes.sample}
      data-kind={drawing.kind}
      style={{ width, height }}
    />
  );
}

function sizeOf(drawing: Exclude<Drawing, { kind: "text" }>, size: number): [number, number] {
  if (drawing.kind === "vector") return [size, Math.min(28, Math.round(size / 3))];
  const longer = Math.max(drawing.width, drawing.height);
  return [Math.max(4, (size * drawing.width) / longer), Math.max(4, (size * drawing.height) / longer)];
}

const INK = { light: "#2f7ed8", dark: "#6aa9ee" } as const;
/** From little to much. */
const HEAT = {
  light: [
    [238, 243, 246],
    [8, 110, 105],
  ],
  dark: [
    [35, 42, 47],
    [111, 212, 206],
  ],
} as const;

function drawBars(
  context: CanvasRenderingContext2D,
  values: readonly Value[],
  width: number,
  height: number,
  scheme: "light" | "dark",
): void {
  const [least, greatest] = limits(values) ?? [0, 1];
  const low = Math.min(0, least);
  const span = Math.max(0, greatest) - low || 1;
  const zero = height * (1 - (0 - low) / span);
  const step = width / values.length;
  context.fillStyle = INK[scheme];
  values.forEach((value, index) => {
    const number = numberOf(value);
    if (number === null) return;
    const y = height * (1 - (number - low) / span);
    const bar = Math.max(1, Math.abs(y - zero));
    context.fillRect(index * step, Math.min(y, zero, height - bar), Math.max(1, step - 1), bar);
  });
}

function drawStrip(
  context: CanvasRenderingContext2D,
  values: readonly Value[],
  width: number,
  height: number,
  scheme: "light" | "dark",
): void {
  const [low, high] = limits(values) ?? [0, 1];
  const [cold, hot] = HEAT[scheme];
  for (let x = 0; x < width; x += 1) {
    const from = Math.floor((x / width) * values.length);
    const until = Math.max(from + 1, Math.floor(((x + 1) / width) * values.length));
    let sum = 0;
    let known = 0;
    for (let index = from; index < until; index += 1) {
      const number = numberOf(values[index] ?? null);
      if (number === null) continue;
      sum += number;
      known += 1;
    }
    if (known === 0) continue;
    const part = (sum / known - low) / (high - low || 1);
    const colour = cold.map((start, index) => Math.round(start + ((hot[index] ?? start) - start) * part));
    context.fillStyle = `rgb(${colour.join(" ")})`;
    context.fillRect(x, 0, 1, height);
  }
}

function words({ shape, values }: Sample, drawing: Drawing): string {
  const found = limits(values ?? []);
  const range = found === null ? "without numbers" : `from ${metric(found[0])} to ${metric(found[1])}`;
  const what = drawing.kind === "image" ? "Image" : plural(values?.length ?? 0, "number");
  return `${what} of shape ${shapeText(shape)}, values ${range}`;
}
