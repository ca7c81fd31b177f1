import { INKS } from "@/components/chart/chart";
import { metric } from "@/components/formats";
import classes from "./live.module.css";
import { type Paper, useCanvas } from "./useCanvas";

export interface Point {
  x: number;
  y: number;
}

interface ScatterProps {
  label: string;
  points: readonly Point[];
  /** A line to compare with: where y is x, or where y is nothing. */
  guide?: "equal" | "zero";
  xText?: (value: number) => string;
  height?: number;
  /** Whether points that follow each other are joined. */
  joined?: boolean;
}

const EDGE = { left: 58, right: 10, top: 8, bottom: 24 } as const;
const INK = { light: "#2f7ed8", dark: "#6aa9ee" } as const;

/** Points in a plane, the newest strongest. */
export function Scatter({ label, points, guide, xText = metric, height = 240, joined = false }: ScatterProps) {
  const canvas = useCanvas(height, (paper) => draw(paper, points, guide, xText, joined), [points, guide]);
  return (
    <figure className={classes.figure}>
      <figcaption>{label}</figcaption>
      <canvas
        ref={canvas}
        className={classes.canvas}
        style={{ height }}
        role="img"
        aria-label={`${label}, ${points.length} points`}
      />
    </figure>
  );
}

function draw(
  { context, width, height, scheme }: Paper,
  points: readonly Point[],
  guide: ScatterProps["guide"],
  xText: (value: number) => string,
  joined: boolean,
): void {
  if (points.length === 0) return;
  const same = guide === "equal";
  const [xLow, xHigh] = range(points.map(({ x }) => x).concat(same ? points.map(({ y }) => y) : []));
  const [yLow, yHigh] = same ? [xLow, xHigh] : range(points.map(({ y }) => y).concat(guide === "zero" ? [0] : []));
  const xAt = (x: number) => EDGE.left + ((x - xLow) / (xHigh - xLow)) * (width - EDGE.left - EDGE.right);
  const yAt = (y: number) => height - EDGE.bottom - ((y - yLow) / (yHigh - yLow)) * (height - EDGE.top - EDGE.bottom);
  context.font = "11px 'Inter Variable', sans-serif";
  context.fillStyle = INKS[scheme].text;
  context.strokeStyle = INKS[scheme].grid;
  for (const part of [0, 0.5, 1]) {
    const y = yLow + (yHigh - yLow) * part;
    const x = xLow + (xHigh - xLow) * part;
    line(context, EDGE.left, yAt(y), width - EDGE.right, yAt(y));
    context.textAlign = "right";
    context.fillText(metric(y), EDGE.left - 6, yAt(y) + 4);
    context.textAlign = part === 0 ? "left" : part === 1 ? "right" : "center";
    context.fillText(xText(x), xAt(x), height - 6);
  }
  if (guide !== undefined) {
    context.strokeStyle = INKS[scheme].text;
    context.setLineDash([4, 4]);
    if (same) line(context, xAt(xLow), yAt(xLow), xAt(xHigh), yAt(xHigh));
    else line(context, EDGE.left, yAt(0), width - EDGE.right, yAt(0));
    context.setLineDash([]);
  }
  context.fillStyle = INK[scheme];
  context.strokeStyle = INK[scheme];
  if (joined) {
    context.beginPath();
    for (const { x, y } of points) context.lineTo(xAt(x), yAt(y));
    context.stroke();
    return;
  }
  points.forEach(({ x, y }, index) => {
    context.globalAlpha = 0.25 + (0.65 * (index + 1)) / points.length;
    context.beginPath();
    context.arc(xAt(x), yAt(y), 2.5, 0, 2 * Math.PI);
    context.fill();
  });
  context.globalAlpha = 1;
}

function line(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

function range(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const margin = (high - low) * 0.04 || Math.abs(high) * 0.05 || 1;
  return [low - margin, high + margin];
}
