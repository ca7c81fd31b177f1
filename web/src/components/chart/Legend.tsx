import { UnstyledButton } from "@mantine/core";
import classes from "./chart.module.css";
import { Swatch } from "./Readout";

export interface LegendItem {
  id: string;
  label: string;
  colour: string;
  dashed?: boolean;
}

interface LegendProps {
  label: string;
  items: readonly LegendItem[];
  hidden: ReadonlySet<string>;
  onToggle: (id: string) => void;
  lit?: string | null;
  onLight?: (id: string | null) => void;
}

/** The names of lines: a click hides or shows one, pointing at it lights it. */
export function Legend({ label, items, hidden, onToggle, lit = null, onLight }: LegendProps) {
  return (
    <ul className={classes.legend} aria-label={label}>
      {items.map((item) => (
        <li key={item.id}>
          <UnstyledButton
            className={classes.item}
            aria-pressed={!hidden.has(item.id)}
            title={hidden.has(item.id) ? "Show" : "Hide"}
            data-hidden={hidden.has(item.id) || undefined}
            data-lit={lit === item.id || undefined}
            onClick={() => onToggle(item.id)}
            onPointerEnter={() => onLight?.(item.id)}
            onPointerLeave={() => onLight?.(null)}
            onFocus={() => onLight?.(item.id)}
            onBlur={() => onLight?.(null)}
          >
            <Swatch colour={item.colour} dashed={item.dashed} />
            {item.label}
          </UnstyledButton>
        </li>
      ))}
    </ul>
  );
}
