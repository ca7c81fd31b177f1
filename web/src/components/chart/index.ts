export type { LineChartProps } from "./chart";
export { Legend, type LegendItem } from "./Legend";
export { LineChart } from "./LineChart";
export { type Line, smoothed } from "./lines";
export { Swatch } from "./Readout";
export { Sparkline } from "./Sparkline";
export { smooth } from "./smooth";
