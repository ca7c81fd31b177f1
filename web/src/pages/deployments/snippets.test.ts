import { describe, expect, it } from "vitest";
import { DEFAULT_CONTROL_TOPIC, obstacleTo, type Sending, sinkSnippet, topicFor } from "./snippets";

const SENDING: Sending = {
  format: "RAW",
  bootstrapServers: "kafka:9092",
  securityProtocol: "PLAINTEXT",
  controlTopic: DEFAULT_CONTROL_TOPIC,
  topic: "digits",
  deploymentId: 7,
  inputShape: [8, 8],
  oneByOne: false,
};

describe("sinkSnippet", () => {
  it("is a whole program but for the data", () => {
    expect(sinkSnippet(SENDING)).toBe(
      [
        "from kafka_ml_sinks import RawSink",
        "",
        "# x_train: an array of shape (samples, 8, 8); y_train: their labels",
        "with RawSink(",
        '    "kafka:9092",',
        '    topic="digits",',
        "    deployment_id=7,",
        "    validation_rate=0.1,",
        "    test_rate=0.1,",
        ") as sink:",
        "    sink.send_many(x_train, y_train)",
      ].join("\n"),
    );
  });

  it("closes the sink where samples are sent one by one", () => {
    const program = sinkSnippet({ ...SENDING, oneByOne: true });
    expect(program).toContain("sink = RawSink(\n");
    expect(program).toContain("sink.send(data=x, label=y)\nsink.close()");
  });

  it("writes shapes of one and of no dimension", () => {
    expect(sinkSnippet({ ...SENDING, inputShape: [30] })).toContain("(samples, 30)");
    expect(sinkSnippet({ ...SENDING, inputShape: [] })).toContain("(samples,)");
    expect(sinkSnippet({ ...SENDING, inputShape: [null, 3] })).not.toContain("shape");
  });

  it("tells what a guarded broker wants", () => {
    const program = sinkSnippet({ ...SENDING, securityProtocol: "SASL_SSL", controlTopic: "other" });
    for (const part of ['control_topic="other"', 'security_protocol="SASL_SSL"', "sasl_password=", "ssl_cafile="]) {
      expect(program).toContain(part);
    }
  });

  it("counts the numbers of an Avro record", () => {
    expect(sinkSnippet({ ...SENDING, format: "AVRO", inputShape: [30] })).toMatch(
      /AvroSink[\s\S]*30 numbers each[\s\S]*send_many\(records, labels\)/,
    );
  });
});

it("topicFor makes names that Kafka takes", () => {
  expect(topicFor("Größe & Maß/2")).toMatch(/^[\w.-]+$/);
  expect(topicFor("  ")).toBe("samples");
  expect(topicFor("digits")).toBe("digits");
});

it("obstacleTo tells that records become vectors", () => {
  expect(obstacleTo("AVRO", [8, 8])).toContain("(8, 8)");
  expect(obstacleTo("AVRO", [8])).toBeNull();
  expect(obstacleTo("RAW", [8, 8])).toBeNull();
});
