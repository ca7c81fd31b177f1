import type { XKind } from "./chart";
import classes from "./chart.module.css";
import type { Line } from "./lines";
import { xText } from "./options";
import type { Pointed } from "./usePlot";

const MOST = 10;

interface ReadoutProps {
  pointed: Pointed;
  lines: readonly Line[];
  xKind: XKind;
  xLabel: string | undefined;
  format: (value: number) => string;
}

/** The values at the cursor, the highest first. */
export function Readout({ pointed, lines, xKind, xLabel, format }: ReadoutProps) {
  const rows = lines
    .map((line, index) => ({ line, index, value: pointed.values[index] ?? null }))
    .filter(({ line, value }) => value !== null && line.faint !== true)
    .sort((one, other) => (other.value ?? 0) - (one.value ?? 0));
  if (rows.length === 0) return null;
  const isRight = pointed.left > pointed.width / 2;
  const side = isRight ? { right: pointed.width - pointed.left + 12 } : { left: pointed.left + 12 };
  return (
    <div className={classes.readout} style={side} aria-hidden>
      <div className={classes.at}>
        {xLabel} {xText(pointed.x, xKind)}
      </div>
      {rows.slice(0, MOST).map(({ line, index, value }) => (
        <div key={line.id} className={classes.value} data-near={index === pointed.nearest || undefined}>
          <Swatch colour={line.colour} dashed={line.dashed} />
          <span className={classes.name}>{line.label}</span>
          <span className="numeric">{format(value ?? 0)}</span>
        </div>
      ))}
      {rows.length > MOST && <div className={classes.at}>and {rows.length - MOST} more</div>}
    </div>
  );
}

/** A piece of a line, as the chart draws it. */
export function Swatch({ colour, dashed = false }: { colour: string; dashed?: boolean | undefined }) {
  return (
    <svg width="16" height="8" aria-hidden="true" className={classes.swatch}>
      <line
        x1="0"
        x2="16"
        y1="4"
        y2="4"
        stroke={colour}
        strokeWidth="2.5"
        {...(dashed ? { strokeDasharray: "4 2" } : {})}
      />
    </svg>
  );
}
