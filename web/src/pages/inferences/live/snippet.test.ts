import { expect, test } from "vitest";
import { clientSnippet, python } from "./snippet";

const inference = {
  input_topic: "digits-in",
  output_topic: "digits-out",
  input_format: "RAW" as const,
  input_config: { data_type: "uint8", data_reshape: "8 8" },
};

test("values are as Python writes them", () => {
  expect(python({ a: [1, null, true], b: 'x"y' })).toBe('{"a": [1, None, True], "b": "x\\"y"}');
});

test("the program has the inference's topics and format", () => {
  const text = clientSnippet({ inference, bootstrapServers: "kafka:9092", securityProtocol: "PLAINTEXT" });
  expect(text).toContain('    "kafka:9092",\n    "digits-in",\n    "digits-out",\n    input_format="RAW",');
  expect(text).toContain('input_config={"data_type": "uint8", "data_reshape": "8 8"},');
  expect(text).toContain("(samples, 8, 8)");
  expect(text).not.toContain("security_protocol");
});

test("what a secured Kafka needs is there to be filled in", () => {
  const text = clientSnippet({ inference, bootstrapServers: "kafka:9093", securityProtocol: "SASL_SSL" });
  for (const name of ["security_protocol", "sasl_username", "ssl_cafile"]) expect(text).toContain(name);
});
