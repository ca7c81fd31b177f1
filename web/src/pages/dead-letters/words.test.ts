import { describe, expect, it } from "vitest";
import { inferenceOf, originText, serviceText } from "./words";

describe("a letter's sender", () => {
  it.each([
    ["/inferences/3/0", "Inference 3, replica 0", 3],
    ["kafka-ml/inferer/inferences/12/1", "Inference 12, replica 1", 12],
    ["kafka-ml/control", "control", null],
    ["kafka-ml/api", "api", null],
  ])("%s is named", (service, text, inference) => {
    expect(serviceText({ service })).toBe(text);
    expect(inferenceOf({ service })).toBe(inference);
  });

  it("may not say where the message was", () => {
    expect(originText({ origin: null })).toBe("unknown");
    expect(originText({ origin: { topic: "a", partition: 1, offset: 2 } })).toBe("a:1:2");
  });
});
