import type { Part } from "./ribbon";

export type Fill = Part | "gone";

/** Told apart by what they are made of as well as by their colours. */
export const FILLS: readonly Fill[] = ["training", "validation", "test", "unlabelled", "gone"];

export function fillOf(id: string, fill: Fill): string {
  return `url(#${id}-${fill})`;
}

/** The patterns that all lanes are filled with. */
export function Patterns({ id }: { id: string }) {
  return (
    <svg width="0" height="0" aria-hidden="true" style={{ position: "absolute" }}>
      <defs>
        <pattern id={`${id}-training`} width="8" height="8" patternUnits="userSpaceOnUse">
          <rect width="8" height="8" fill="#2f7ed8" />
        </pattern>
        <pattern id={`${id}-validation`} width="6" height="6" patternUnits="userSpaceOnUse">
          <rect width="6" height="6" fill="#12946a" />
          <circle cx="3" cy="3" r="1.3" fill="#ffffff" />
        </pattern>
        <pattern id={`${id}-test`} width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect width="7" height="7" fill="#e8710a" />
          <rect width="2" height="7" fill="#ffffff" />
        </pattern>
        <pattern id={`${id}-unlabelled`} width="6" height="5" patternUnits="userSpaceOnUse">
          <rect width="6" height="5" fill="#7a5af0" />
          <rect width="6" height="1.5" fill="#ffffff" />
        </pattern>
        <pattern id={`${id}-gone`} width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">
          <rect width="1.2" height="6" fill="#8b979e" />
        </pattern>
      </defs>
    </svg>
  );
}
