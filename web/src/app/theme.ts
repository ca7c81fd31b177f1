import { createTheme, type MantineColorsTuple } from "@mantine/core";

/** Deep sea green; the sixth and seventh carry white text with a contrast of more than 4.5. */
const tide: MantineColorsTuple = [
  "#e6fbfa",
  "#d0f1ef",
  "#a2e3df",
  "#6fd4ce",
  "#45c5be",
  "#22a49d",
  "#0b7f79",
  "#086e69",
  "#045c57",
  "#004a46",
];

export const theme = createTheme({
  primaryColor: "tide",
  primaryShade: { light: 6, dark: 6 },
  colors: { tide },
  autoContrast: true,
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: "'Inter Variable', system-ui, -apple-system, 'Segoe UI', sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Code', 'JetBrains Mono', Menlo, Consolas, monospace",
  headings: { fontFamily: "'Inter Variable', system-ui, sans-serif", fontWeight: "650" },
  components: {
    CloseButton: { defaultProps: { "aria-label": "Close" } },
    Tooltip: { defaultProps: { openDelay: 300, withArrow: true } },
    Modal: { defaultProps: { centered: true, overlayProps: { backgroundOpacity: 0.45, blur: 2 } } },
    Paper: { defaultProps: { withBorder: true } },
  },
});

/** Colours of lines and classes: told apart in both schemes, also by people who don't see red and green. */
export const SERIES_COLOURS = [
  "#2f7ed8",
  "#e8710a",
  "#12946a",
  "#b5379c",
  "#7a5af0",
  "#b98900",
  "#0aa2c0",
  "#d64550",
  "#5d7a1f",
  "#8a6a52",
] as const;

export function seriesColour(index: number): string {
  return SERIES_COLOURS[index % SERIES_COLOURS.length] ?? SERIES_COLOURS[0];
}
