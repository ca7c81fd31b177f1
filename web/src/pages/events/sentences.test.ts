import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { EVENT_KINDS, nameOf, pageOf, sentenceOf, toneOf } from "./sentences";

const MESSAGES = new URL("../../../../libs/common/src/kafka_ml_common/messages.py", import.meta.url);

const failure = { code: "model_error", message: "The name “x” is not defined.", line: 4 };
const summary = { parameters: 4810, layers: [] };
const trained = {
  deployment_id: 1,
  result_id: 7,
  epochs_done: 3,
  duration_seconds: 12,
  training_metrics: { loss: 0.25 },
};

/** An event of each type, and what is said of it. */
const TOLD: readonly [type: string, data: Record<string, unknown>, sentence: string][] = [
  [
    "kafka-ml.model.validated",
    { model_id: 3, version: 2, summary },
    "Version 2 of model 3 is valid: 4,810 parameters.",
  ],
  [
    "kafka-ml.model.rejected",
    { model_id: 3, version: 2, failure },
    "Version 2 of model 3 can't be built: The name “x” is not defined (line 4).",
  ],
  ["kafka-ml.draft.checked", { draft: 5, summary, failure: null }, "Draft 5 is valid: 4,810 parameters."],
  [
    "kafka-ml.draft.checked",
    { draft: 5, summary: null, failure },
    "Draft 5 can't be built: The name “x” is not defined (line 4).",
  ],
  [
    "kafka-ml.stream.recorded",
    { deployment_id: 1, stream: { topic: "a:0:10:60,a:1:0:50,b:0:0:1", input_format: "RAW", incremental: false } },
    "A stream of 101 messages (RAW) in a, b was announced for deployment 1.",
  ],
  [
    "kafka-ml.stream.recorded",
    { deployment_id: 1, stream: { topic: "a", input_format: "RAW", incremental: true } },
    "The topic a, read as it grows, was announced for deployment 1.",
  ],
  [
    "kafka-ml.stream.matched",
    { deployment_id: 1, result_ids: [1, 2] },
    "Deployment 1 has its stream: 2 trainings asked for.",
  ],
  [
    "kafka-ml.stream.refused",
    { deployment_id: 1, failure: { message: "The log no longer has it." } },
    "A stream for deployment 1 was refused: The log no longer has it.",
  ],
  [
    "kafka-ml.workload.status",
    { kind: "training", owner: "results/7", state: "pending", attempt: 2, failure: { message: "No node has a GPU." } },
    "The training of result 7 waits (attempt 2): No node has a GPU.",
  ],
  [
    "kafka-ml.workload.status",
    { kind: "inference", owner: "inferences/3", state: "running", replicas_running: 1, replicas_wanted: 2 },
    "Replicas of inference 3 that run: 1 of 2.",
  ],
  [
    "kafka-ml.workload.status",
    { kind: "validation", owner: "models/3", state: "succeeded" },
    "The validation of model 3 has ended well.",
  ],
  [
    "kafka-ml.training.started",
    { result_id: 7, epochs: 15, training_size: 1151, validation_size: 143, test_size: 1, skipped: 2 },
    "Result 7 begins to train: 15 epochs over 1,151 samples, 143 to validate, 1 to test; 2 messages could not be decoded and are left out.",
  ],
  [
    "kafka-ml.training.epoch",
    { result_id: 7, epoch: 3, metrics: { loss: 0.5, accuracy: null } },
    "Result 7 has done epoch 3: loss 0.5000, accuracy –.",
  ],
  [
    "kafka-ml.training.finished",
    { ...trained, test_metrics: { loss: 0.125 } },
    "Result 7 is trained after 3 epochs in 12 s; of the test part loss 0.1250.",
  ],
  [
    "kafka-ml.training.stopped",
    { ...trained, model_object: null },
    "The training of result 7 was stopped after 3 epochs; no model is kept.",
  ],
  [
    "kafka-ml.training.failed",
    { result_id: 7, failure: { message: "It needs more memory." } },
    "The training of result 7 failed: It needs more memory.",
  ],
  [
    "kafka-ml.inference.ready",
    { inference_id: 3, replica: 0, result_id: 7 },
    "Replica 0 of inference 3 has loaded the model of result 7 and begins to read.",
  ],
  [
    "kafka-ml.inference.progress",
    { inference_id: 3, replica: 1, rate: 2000, lag: 1, latency_p99_ms: 35 },
    "Replica 1 of inference 3 predicts 2,000/s, 99 % within 35 ms; 1 message waits.",
  ],
  [
    "kafka-ml.inference.failed",
    { inference_id: 3, replica: 1, failure: { message: "Its topic is gone." } },
    "Replica 1 of inference 3 can't go on: Its topic is gone.",
  ],
  [
    "kafka-ml.resource.changed",
    { resource: "models", id: 3, change: "created", state: "validating" },
    "Model 3 was created.",
  ],
  ["kafka-ml.resource.changed", { resource: "datasources", id: 3, change: "deleted" }, "Data source 3 was deleted."],
  [
    "kafka-ml.resource.changed",
    { resource: "results", id: 7, change: "updated", state: "running" },
    "Result 7 is running.",
  ],
  [
    "kafka-ml.command.completed",
    { command: "kafka-ml.model.create", resource: "models/3", document: null },
    "The command model.create was carried out on model 3.",
  ],
  [
    "kafka-ml.command.rejected",
    { command: "kafka-ml.model.delete", problem: { detail: "There is no model 9." } },
    "The command model.delete was refused: There is no model 9.",
  ],
  [
    "kafka-ml.dead-letter.resent",
    { partition: 0, offset: 12, to_topic: "digits-in", to_offset: 40 },
    "Dead letter 12 was sent again, as message 40 of digits-in.",
  ],
];

describe("sentenceOf", () => {
  it.each(TOLD)("tells of %s", (type, data, sentence) => {
    expect(sentenceOf({ type, subject: "commands", data })).toBe(sentence);
  });

  it("knows every type that services send", () => {
    const sent = [...readFileSync(MESSAGES, "utf8").matchAll(/type: ClassVar\[str\] = "([^"]+)"/g)].map(
      ([, type]) => type,
    );
    expect(sent.length).toBeGreaterThan(15);
    const tried = new Set(TOLD.map(([type]) => type));
    expect(sent.filter((type) => type === undefined || !tried.has(type) || !(type in EVENT_KINDS))).toEqual([]);
  });

  it.each(Object.keys(EVENT_KINDS))("stands an event of type %s that lacks what it should have", (type) => {
    expect(sentenceOf({ type, subject: "results/7", data: {} })).not.toMatch(/undefined|NaN/);
  });

  it("names an event that it doesn't know", () => {
    expect(sentenceOf({ type: "kafka-ml.new.thing", subject: "results/7", data: {} })).toBe(
      "Result 7: kafka-ml.new.thing.",
    );
  });
});

describe("what stands beside the sentence", () => {
  it("takes bad news of a type that brings both as bad", () => {
    expect(toneOf({ type: "kafka-ml.workload.status", subject: "results/7", data: { state: "failed" } })).toBe("bad");
    expect(toneOf({ type: "kafka-ml.draft.checked", subject: "validations/1", data: { failure } })).toBe("bad");
  });

  it("links to pages that there are", () => {
    expect(pageOf("datasources/3")).toBe("/datasources/3");
    expect(pageOf("commands")).toBeNull();
    expect(pageOf("validations/3")).toBeNull();
    expect(nameOf("datasources/3")).toBe("Data source 3");
  });
});
