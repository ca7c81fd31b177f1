import { describe, expect, it } from "vitest";
import { secondsLeft, stepsOf } from "./steps";

const NOTHING = { models: {}, configurations: 0, deployments: {}, datasources: 0, results: {}, inferences: {} };

function next(overview: Partial<typeof NOTHING>, awaiting: number | null = null, trained: number | null = null) {
  return stepsOf({ ...NOTHING, ...overview }, awaiting, trained).find(({ done }) => !done);
}

describe("stepsOf", () => {
  it("begins with a model", () => {
    expect(next({})).toMatchObject({ title: "Write a model", href: "/models/new" });
  });

  it("stays with the model until one is valid", () => {
    expect(next({ models: { validating: 0, valid: 0, invalid: 1 } })).toMatchObject({ href: "/models" });
    expect(next({ models: { valid: 1, invalid: 1 } })).toMatchObject({ title: "Put it into a configuration" });
  });

  it("leads to the deployment that awaits its stream", () => {
    const deployed = { models: { valid: 1 }, configurations: 1, deployments: { awaiting: 1 } };
    expect(next(deployed, 4)).toMatchObject({ title: "Send a data stream", href: "/deployments/4" });
  });

  it("waits for a training that succeeds", () => {
    const sent = { models: { valid: 1 }, configurations: 1, deployments: { failed: 1 }, datasources: 1 };
    expect(next({ ...sent, results: { failed: 1 } })).toMatchObject({ title: "Train" });
    expect(next({ ...sent, results: { finished: 1 } }, null, 7)).toMatchObject({ search: { result: "7" } });
    expect(next({ ...sent, results: { finished: 1 }, inferences: { stopped: 1 } })).toBeUndefined();
  });
});

describe("secondsLeft", () => {
  it("goes by the epochs that are done", () => {
    const result = {
      started_at: "2026-01-01T00:00:00Z",
      updated_at: "2026-01-01T00:00:10Z",
      epochs: 15,
      epochs_done: 5,
    };
    expect(secondsLeft(result)).toBe(20);
    expect(secondsLeft({ ...result, epochs_done: 0 })).toBeNull();
    expect(secondsLeft({ ...result, epochs: null })).toBeNull();
  });
});
