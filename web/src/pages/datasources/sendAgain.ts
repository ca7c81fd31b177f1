import type { Schemas } from "@/api/client";
import { topicsOf } from "./ranges";

type Stream = Schemas["ControlMessage"];
export type Address = Pick<Schemas["About"], "bootstrap_servers" | "security_protocol" | "control_topic">;

const SINKS: Partial<Record<Schemas["InputFormat"], string>> = { RAW: "RawSink", JSON: "JsonSink", AVRO: "AvroSink" };
const ARRAY_SETTINGS = ["data_type", "data_reshape", "label_type", "label_reshape"] as const;
const AVRO_SETTINGS = ["data_scheme", "label_scheme"] as const;
const CONTROL_TOPIC = "KAFKA_ML_CONTROL_TOPIC";

/**
 * A Python program that would send a stream like this one, but for where its data comes from; null where no sink writes the format.
 *
 * @param deploymentId the deployment that it would be for; null where none awaits a stream.
 */
export function sendAgain(stream: Stream, address: Address, deploymentId: number | null): string | null {
  const sink = SINKS[stream.input_format];
  if (sink === undefined) return null;
  const config = stream.input_config ?? {};
  const isAvro = stream.input_format === "AVRO";
  const isLabelled = Boolean(isAvro ? config.label_scheme : (config.label_type ?? config.label_reshape));
  const named: [string, string][] = [
    ["topic", python(topicsOf(stream)[0] ?? "")],
    ["deployment_id", deploymentId === null ? "DEPLOYMENT_ID" : String(deploymentId)],
  ];
  for (const name of isAvro ? AVRO_SETTINGS : ARRAY_SETTINGS) {
    const value = config[name];
    if (value !== undefined && value !== null && value !== "") named.push([name, setting(value)]);
  }
  if (stream.validation_rate > 0) named.push(["validation_rate", String(stream.validation_rate)]);
  if (stream.test_rate > 0) named.push(["test_rate", String(stream.test_rate)]);
  if (stream.description !== "") named.push(["description", python(stream.description)]);
  if (address.control_topic !== CONTROL_TOPIC) named.push(["control_topic", python(address.control_topic)]);
  if (address.security_protocol !== "PLAINTEXT") named.push(["security_protocol", python(address.security_protocol)]);
  const data = isAvro ? "records" : "samples";
  const about = isLabelled ? `${data} and as many labels` : data;
  return [
    `from kafka_ml_sinks import ${sink}`,
    "",
    ...(deploymentId === null ? ["# DEPLOYMENT_ID: of a deployment that awaits its stream"] : []),
    `# ${isAvro ? "mappings, dataclasses or a frame" : "arrays or lists"}: ${about}`,
    `with ${sink}(`,
    `    ${python(address.bootstrap_servers)},`,
    ...named.map(([name, value]) => `    ${name}=${value},`),
    ") as sink:",
    `    sink.send_many(${isLabelled ? `${data}, labels` : data})`,
  ].join("\n");
}

/** A setting as the sinks take it: shapes may have come as a number or a list, they are text here. */
function setting(value: unknown): string {
  if (Array.isArray(value)) return python(value.join(" "));
  return python(String(value));
}

/** Text as Python writes it. */
function python(value: string): string {
  return JSON.stringify(value);
}
