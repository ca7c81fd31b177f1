import { expect, it } from "vitest";
import { progressOf } from "./progress";

it("progressOf counts models alike, and those that ended as done", () => {
  expect(
    progressOf([
      { state: "running", epochs: 10, epochs_done: 5 },
      { state: "failed", epochs: 10, epochs_done: 2 },
    ]),
  ).toEqual({ part: 0.75, ended: 1, epochs: 20, done: 7 });
});

it("progressOf does not know how many epochs there will be before all have begun", () => {
  expect(
    progressOf([
      { state: "pending", epochs: null, epochs_done: 0 },
      { state: "running", epochs: 4, epochs_done: 1 },
    ]),
  ).toMatchObject({ epochs: null, part: 0.125 });
  expect(progressOf([])).toMatchObject({ part: 0 });
});
