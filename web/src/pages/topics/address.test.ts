import { expect, test } from "vitest";
import { addressOf, choicesOf, decodingOf, placeOf } from "./address";

test("an address leads to an offset, a time, or the newest", () => {
  expect(placeOf({ partition: "2", offset: "17" })).toEqual({ partition: 2, offset: 17 });
  expect(placeOf({ offset: "17" })).toEqual({});
  expect(placeOf({ partition: "x", time: "2026-01-01T00:00:00Z" })).toEqual({ time: "2026-01-01T00:00:00Z" });
  expect(placeOf({ time: "yesterday" })).toEqual({});
});

const used = {
  ranges: [{ datasource_id: 3 }, { datasource_id: 3 }],
  inferences: [{ inference_id: 5 }],
} as unknown as Parameters<typeof choicesOf>[0];

test("messages are decoded as the address says, else as their data source", () => {
  const choices = choicesOf(used);
  expect(choices.map(({ label }) => label)).toEqual(["Data source 3", "Input of inference 5"]);
  expect(decodingOf({}, choices)).toEqual({ datasource_id: 3 });
  expect(decodingOf({ inference: "5" }, choices)).toEqual({ inference_id: 5 });
  expect(decodingOf({ datasource: "none" }, choices)).toEqual({});
  expect(decodingOf({}, [])).toEqual({});
});

test("what is not set is not in the address", () => {
  expect(addressOf({ partition: "1", offset: undefined })).toEqual({ partition: "1" });
});
