interface SparklineProps {
  values: readonly (number | null)[];
  /** What it shows, with the last value, for people who hear it. */
  label: string;
  colour?: string;
  width?: number;
  height?: number;
}

/** The course of a value, small enough for a row of a list. */
export function Sparkline({
  values,
  label,
  colour = "var(--mantine-color-anchor)",
  width = 80,
  height = 24,
}: SparklineProps) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return <svg width={width} height={height} role="img" aria-label={label} />;
  const low = Math.min(...known);
  const span = Math.max(...known) - low || 1;
  const step = (width - 4) / (values.length - 1);
  let path = "";
  let isGap = true;
  values.forEach((value, index) => {
    if (value !== null) {
      const y = 2 + (height - 4) * (1 - (value - low) / span);
      path += `${isGap ? "M" : "L"}${(2 + index * step).toFixed(1)} ${y.toFixed(1)}`;
    }
    isGap = value === null;
  });
  return (
    <svg width={width} height={height} role="img" aria-label={label}>
      <path d={path} fill="none" stroke={colour} strokeWidth="1.5" strokeLinejoin="round" strokeLinecap="round" />
    </svg>
  );
}
