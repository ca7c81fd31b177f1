export { MessageBrowser } from "./MessageBrowser";
export type { DecodingChoice } from "./MessageTools";
export { type Decoding, type Message, messageAt, type Place } from "./read";
export { SampleView } from "./SampleView";
export { drawingOf, type Sample, textOf } from "./sample";
