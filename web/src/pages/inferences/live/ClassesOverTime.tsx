import { Text } from "@mantine/core";
import { useState } from "react";
import { INKS } from "@/components/chart/chart";
import { compact, percent } from "@/components/formats";
import { bandsOf, type ClassBand } from "./classes";
import classes from "./live.module.css";
import { SECONDS, type Second } from "./store";
import { type Paper, useCanvas } from "./useCanvas";

const HEIGHT = 180;

/** Which classes were predicted in the last minute: each second a column, and the shares of all as a list. */
export function ClassesOverTime({ seconds }: { seconds: readonly Second[] }) {
  const [lit, setLit] = useState<string | null>(null);
  const bands = bandsOf(seconds);
  const canvas = useCanvas(HEIGHT, (paper) => drawColumns(paper, seconds, bands, lit), [seconds, lit]);
  return (
    <div className={classes.classes}>
      <div className={classes.plot}>
        <canvas
          ref={canvas}
          className={classes.canvas}
          style={{ height: HEIGHT }}
          role="img"
          aria-label="Predictions of each class, second by second; the list beside it has the shares"
        />
        {bands.length === 0 && <div className={classes.idle}>Nothing was predicted in the last minute</div>}
        <div className={classes.axis} aria-hidden>
          <span>{SECONDS} s ago</span>
          <span>now</span>
        </div>
      </div>
      <ul
        className={classes.shares}
        aria-label="Shares of the classes in the last minute"
        onPointerLeave={() => setLit(null)}
      >
        {bands.map((band) => (
          <li
            key={band.name}
            className={classes.share}
            data-lit={lit === band.name || undefined}
            onPointerEnter={() => setLit(band.name)}
          >
            <span className={classes.key} style={{ background: band.colour }} aria-hidden />
            <span className={classes.name}>{band.name}</span>
            <span className={classes.track} aria-hidden>
              <span style={{ width: `${band.share * 100}%`, background: band.colour }} />
            </span>
            <span className="numeric">{percent(band.share)}</span>
            <Text span size="xs" className="quiet numeric" ta="right">
              {compact(band.times)}
            </Text>
          </li>
        ))}
      </ul>
    </div>
  );
}

function drawColumns(
  { context, width, height, scheme }: Paper,
  seconds: readonly Second[],
  bands: readonly ClassBand[],
  lit: string | null,
): void {
  const now = seconds.at(-1)?.time ?? 0;
  const sums = seconds.map((second) => sumOf(second));
  const top = Math.max(1, ...sums);
  const step = width / SECONDS;
  const room = height - 16;
  context.strokeStyle = INKS[scheme].grid;
  context.lineWidth = 1;
  for (const part of [0, 0.5, 1]) {
    const y = Math.round(16 + room * (1 - part)) - 0.5;
    context.beginPath();
    context.moveTo(0, y);
    context.lineTo(width, y);
    context.stroke();
  }
  for (const second of seconds) {
    const x = width - (now - second.time + 1) * step;
    let y = height;
    for (const band of bands) {
      const times = band.names.reduce((all, name) => all + (second.classes.get(name) ?? 0), 0);
      const size = (times / top) * room;
      context.globalAlpha = lit === null || lit === band.name ? 1 : 0.18;
      context.fillStyle = band.colour;
      context.fillRect(x, y - size, Math.max(1, step - 1), size);
      y -= size;
    }
  }
  context.globalAlpha = 1;
  if (bands.length === 0) return;
  context.fillStyle = INKS[scheme].text;
  context.font = "11px 'Inter Variable', sans-serif";
  context.fillText(`${compact(top)}/s`, 2, 11);
}

function sumOf({ classes: times }: Second): number {
  let all = 0;
  for (const count of times.values()) all += count;
  return all;
}
