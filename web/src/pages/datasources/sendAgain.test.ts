import { describe, expect, it } from "vitest";
import { sendAgain } from "./sendAgain";

const address = {
  bootstrap_servers: "localhost:9092",
  security_protocol: "PLAINTEXT",
  control_topic: "KAFKA_ML_CONTROL_TOPIC",
};
const stream = {
  topic: "digits:0:0:1437",
  input_format: "RAW" as const,
  input_config: { data_type: "uint8", label_type: "uint8", data_reshape: [8, 8], label_reshape: "1" },
  validation_rate: 0.1,
  test_rate: 0,
  description: 'the "old" ones',
  incremental: false,
};

describe("sendAgain", () => {
  it("has the types, shapes and rates of the stream", () => {
    expect(sendAgain(stream, address, 7)).toBe(
      [
        "from kafka_ml_sinks import RawSink",
        "",
        "# arrays or lists: samples and as many labels",
        "with RawSink(",
        '    "localhost:9092",',
        '    topic="digits",',
        "    deployment_id=7,",
        '    data_type="uint8",',
        '    data_reshape="8 8",',
        '    label_type="uint8",',
        '    label_reshape="1",',
        "    validation_rate=0.1,",
        '    description="the \\"old\\" ones",',
        ") as sink:",
        "    sink.send_many(samples, labels)",
      ].join("\n"),
    );
  });

  it("sends no labels where there were none, and says which id is missing", () => {
    const text = sendAgain({ ...stream, input_format: "AVRO", input_config: { data_scheme: "{}" } }, address, null);
    expect(text).toContain("sink.send_many(records)");
    expect(text).toContain("deployment_id=DEPLOYMENT_ID");
  });

  it("says how a cluster is reached that is not open", () => {
    const text = sendAgain(stream, { ...address, security_protocol: "SASL_SSL", control_topic: "other" }, 7);
    expect(text).toContain('security_protocol="SASL_SSL"');
    expect(text).toContain('control_topic="other"');
  });

  it("has nothing for a format that no sink writes", () => {
    expect(sendAgain({ ...stream, input_format: "TELEGRAF_STR_JSON" }, address, 7)).toBeNull();
  });
});
