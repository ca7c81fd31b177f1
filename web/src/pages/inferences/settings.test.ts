import { expect, test } from "vitest";
import { bodyOf, configError, DEFAULTS, fieldOf, partitionsFor, topicError, topicOf, topicsFor } from "./settings";

const FILLED = { ...DEFAULTS, result: "3", inputTopic: " digits-in ", outputTopic: "digits-out" };

test("what is not asked for is left to the server", () => {
  expect(bodyOf(FILLED)).toMatchObject({
    result_id: 3,
    input_topic: "digits-in",
    input_format: null,
    input_config: null,
    autoscaling: null,
    placement: { cpus: null, gpus: 0, node_selector: {}, tolerations: [], service_account: null },
  });
});

test("a format of its own, autoscaling and placement are sent", () => {
  const body = bodyOf({
    ...FILLED,
    ownFormat: true,
    format: "JSON",
    config: '{"a": 1}',
    scales: true,
    tolerations: "gpu=yes:NoSchedule",
  });
  expect(body).toMatchObject({
    input_format: "JSON",
    input_config: { a: 1 },
    autoscaling: { min_replicas: 1, max_replicas: 4, lag_per_replica: 1000 },
    placement: { tolerations: [{ key: "gpu", value: "yes", effect: "NoSchedule" }] },
  });
});

test("a message of the server finds its field, or the nearest around it", () => {
  expect(fieldOf("/input_config/data_type")).toBe("config");
  expect(fieldOf("/placement/tolerations/0/key")).toBe("tolerations");
  expect(fieldOf("/autoscaling/max_replicas")).toBe("maxReplicas");
  expect(fieldOf("/unheard_of")).toBeNull();
});

test("only a JSON object is a configuration", () => {
  expect(configError("{}")).toBeNull();
  expect(configError("[1]")).toMatch(/object/);
  expect(configError("{")).toMatch(/no JSON/);
});

test("topics are named like the stream's, and names are checked", () => {
  expect(topicsFor(topicOf("digits:0:0:100,digits:1:0:50"), "x")).toEqual({ input: "digits-in", output: "digits-out" });
  expect(topicsFor(null, "Mein Modell!")).toEqual({ input: "Mein-Modell-in", output: "Mein-Modell-out" });
  expect(topicError("a b")).not.toBeNull();
  expect(topicError("a.b-c_d")).toBeNull();
});

test("a new topic has a partition for each replica that may come", () => {
  expect(partitionsFor({ ...DEFAULTS, replicas: 2 })).toBe(2);
  expect(partitionsFor({ ...DEFAULTS, replicas: 2, scales: true, maxReplicas: 8 })).toBe(8);
  expect(partitionsFor({ ...DEFAULTS, replicas: 0 })).toBe(1);
});
