import { type Fill, fillOf } from "./Patterns";
import { PART_NAMES, type RibbonData } from "./ribbon";
import classes from "./ribbon.module.css";

/** What the colours, patterns and signs of a ribbon mean; only those that it has. */
export function Legend({ patterns, data }: { patterns: string; data: RibbonData }) {
  const parts = (["training", "validation", "test", "unlabelled"] as const).filter((part) =>
    data.ranges.some((range) => range.part === part),
  );
  const isGone = data.partitions.some(({ start }) => start > 0);
  return (
    <ul className={classes.legend} aria-label="What the signs mean">
      <li>
        <svg width="18" height="12" aria-hidden="true">
          <rect x="0.5" y="0.5" width="17" height="11" rx="2" className={classes.kept} />
        </svg>
        Retained
      </li>
      {parts.map((part) => (
        <li key={part}>
          <Swatch patterns={patterns} fill={part} />
          {PART_NAMES[part]}
        </li>
      ))}
      {isGone && (
        <li>
          <Swatch patterns={patterns} fill="gone" />
          Taken by retention
        </li>
      )}
      {data.inferences.length > 0 && (
        <li>
          <svg width="14" height="12" aria-hidden="true">
            <path d="M7 11 l-6 -10 h12 z" className={classes.stand} />
          </svg>
          An inference, and what waits for it
        </li>
      )}
      {data.changes.length > 0 && (
        <li>
          <svg width="12" height="12" aria-hidden="true">
            <path d="M6 1 l5 5 l-5 5 l-5 -5 z" className={classes.change} />
          </svg>
          It began with a model
        </li>
      )}
    </ul>
  );
}

function Swatch({ patterns, fill }: { patterns: string; fill: Fill }) {
  return (
    <svg width="18" height="12" aria-hidden="true">
      <rect width="18" height="12" rx="2" fill={fillOf(patterns, fill)} />
    </svg>
  );
}
