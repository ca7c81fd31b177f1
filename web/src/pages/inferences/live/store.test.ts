import { expect, test } from "vitest";
import type { Prediction, Summary } from "./reading";
import { MOST_LATEST, Predictions, SECONDS, sharesOf } from "./store";

const prediction = (offset: number): Prediction =>
  ({
    partition: 0,
    offset,
    time: null,
    input: null,
    model_version: null,
    key: null,
    values: [0.2, 0.8],
    truth: null,
  }) as Prediction;

function summary(second: number, classes: Record<string, number>, latest: Prediction[] = []): Summary {
  const count = Object.values(classes).reduce((all, times) => all + times, 0);
  const time = new Date(second * 1000).toISOString();
  return { time, count, rate: count, looked_at: count, classes, right: count, judged: count, latest };
}

test("what comes within a second is added, and old seconds go", () => {
  const store = new Predictions();
  store.add(summary(100, { "0": 2, "1": 1 }));
  store.add(summary(100.5, { "1": 4 }));
  store.add(summary(101, { "0": 1 }));
  expect(store.snapshot().seconds.map(({ time, count }) => [time, count])).toEqual([
    [100, 7],
    [101, 1],
  ]);
  store.add(summary(100 + SECONDS, { "0": 1 }));
  expect(store.snapshot().seconds.map(({ time }) => time)).toEqual([101, 160]);
  expect(store.snapshot()).toMatchObject({ count: 9, right: 9, judged: 9 });
});

test("the latest are bounded, and each keeps its number", () => {
  const store = new Predictions();
  store.seed([prediction(2), prediction(1)]);
  for (let offset = 0; offset < MOST_LATEST; offset += 40)
    store.add(
      summary(
        1,
        {},
        Array.from({ length: 40 }, (_, index) => prediction(10 + offset + index)),
      ),
    );
  const { latest } = store.snapshot();
  expect(latest).toHaveLength(MOST_LATEST);
  expect(latest[0]?.number).toBe(3);
  expect(latest.at(-1)?.prediction.offset).toBe(9 + MOST_LATEST);
});

test("a summary without a judgement judges nothing", () => {
  const store = new Predictions();
  store.add({ ...summary(1, { "0": 5 }), right: null, judged: 0 });
  expect(store.snapshot()).toMatchObject({ right: 0, judged: 0, lookedAt: 5 });
});

test("a snapshot stays as it was", () => {
  const store = new Predictions();
  store.add(summary(1, { "0": 1 }));
  const before = store.snapshot();
  store.add(summary(1, { "0": 1 }));
  expect(before.seconds[0]?.classes.get("0")).toBe(1);
});

test("shares are by class", () => {
  const store = new Predictions();
  store.add(summary(1, { "10": 1, "2": 3 }));
  expect(sharesOf(store.snapshot().seconds)).toEqual([
    { name: "2", times: 3, share: 0.75 },
    { name: "10", times: 1, share: 0.25 },
  ]);
});
