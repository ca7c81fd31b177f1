import type { Items } from "@/api/resources";

interface Sending {
  inference: Pick<Items["inferences"], "input_topic" | "output_topic" | "input_format" | "input_config">;
  bootstrapServers: string;
  securityProtocol: string;
}

/** A Python program that sends samples to an inference and prints what it predicts, but for where the samples come from. */
export function clientSnippet({ inference, bootstrapServers, securityProtocol }: Sending): string {
  const lines = [
    python(bootstrapServers),
    python(inference.input_topic),
    python(inference.output_topic),
    `input_format=${python(inference.input_format)}`,
    `input_config=${python(inference.input_config)}`,
  ];
  if (securityProtocol !== "PLAINTEXT") lines.push(`security_protocol=${python(securityProtocol)}`);
  if (securityProtocol.startsWith("SASL"))
    lines.push('sasl_mechanism="SCRAM-SHA-512"', 'sasl_username="..."', 'sasl_password="..."');
  if (securityProtocol.endsWith("SSL")) lines.push('ssl_cafile="ca.pem"');
  return [
    "from kafka_ml_sinks import InferenceClient",
    "",
    `# samples: ${wanted(inference)}`,
    "with InferenceClient(",
    ...lines.map((line) => `    ${line},`),
    ") as client:",
    "    print(client.predict(samples))",
  ].join("\n");
}

function wanted({ input_format, input_config }: Sending["inference"]): string {
  if (input_format === "AVRO") return "mappings or dataclasses with the fields of the schema";
  const shape = input_config.data_reshape;
  if (typeof shape !== "string" || shape.trim() === "") return "an array of samples, as the model takes them";
  const sizes = shape.trim().split(/\s+/);
  return `an array of shape (samples, ${sizes.join(", ")})`;
}

/** A value as Python writes it. */
export function python(value: unknown): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object")
    return `{${Object.entries(value)
      .map(([name, part]) => `${python(name)}: ${python(part)}`)
      .join(", ")}}`;
  return JSON.stringify(value);
}
