export { SampleView } from "./SampleView";
export { drawingOf, type Sample, textOf } from "./sample";
