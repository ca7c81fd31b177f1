import { plural, shape } from "@/components/formats";

export type Format = "RAW" | "JSON" | "AVRO";
export const FORMATS: readonly Format[] = ["RAW", "AVRO", "JSON"];

export interface Sending {
  format: Format;
  bootstrapServers: string;
  securityProtocol: string;
  controlTopic: string;
  topic: string;
  deploymentId: number;
  /** Of one sample; null where it is not known. */
  inputShape: readonly (number | null)[] | null;
  /** Whether samples are sent one by one, as with the earlier library. */
  oneByOne: boolean;
}

const SINKS: Record<Format, string> = { RAW: "RawSink", JSON: "JsonSink", AVRO: "AvroSink" };
/** What the sinks announce on unless they are told otherwise. */
export const DEFAULT_CONTROL_TOPIC = "KAFKA_ML_CONTROL_TOPIC";

/** A Python program that sends a stream to a deployment, but for where the data comes from. */
export function sinkSnippet(sending: Sending): string {
  const { format, oneByOne } = sending;
  const sink = SINKS[format];
  const lines = argumentsOf(sending).map((argument) => `    ${argument},`);
  const call = [`${sink}(`, ...lines, ")"];
  const head = [`from kafka_ml_sinks import ${sink}`, "", ...describe(sending)];
  if (oneByOne) {
    return [
      ...head,
      `sink = ${call.join("\n")}`,
      `for x, y in zip(${format === "AVRO" ? "records, labels" : "x_train, y_train"}):`,
      "    sink.send(data=x, label=y)",
      "sink.close()  # announces the stream",
    ].join("\n");
  }
  const data = format === "AVRO" ? "records, labels" : "x_train, y_train";
  return [...head, `with ${call.join("\n")} as sink:`, `    sink.send_many(${data})`].join("\n");
}

function argumentsOf({ bootstrapServers, securityProtocol, controlTopic, topic, deploymentId }: Sending): string[] {
  const found = [
    text(bootstrapServers),
    `topic=${text(topic)}`,
    `deployment_id=${deploymentId}`,
    "validation_rate=0.1",
    "test_rate=0.1",
  ];
  if (controlTopic !== DEFAULT_CONTROL_TOPIC) found.push(`control_topic=${text(controlTopic)}`);
  if (securityProtocol !== "PLAINTEXT") found.push(`security_protocol=${text(securityProtocol)}`);
  if (securityProtocol.startsWith("SASL")) {
    found.push('sasl_mechanism="SCRAM-SHA-512"', 'sasl_username="..."', 'sasl_password="..."');
  }
  if (securityProtocol.endsWith("SSL")) found.push('ssl_cafile="ca.pem"');
  return found;
}

function describe({ format, inputShape }: Sending): string[] {
  const known = inputShape?.every((size) => size !== null) ?? false;
  if (format === "AVRO") {
    const numbers = known ? inputShape?.reduce<number>((all, size) => all * (size ?? 1), 1) : undefined;
    const each = numbers === undefined ? "" : ` of ${plural(numbers, "number")} each`;
    return [`# records: mappings, dataclasses or a pandas frame${each}; labels: as many`];
  }
  const sizes = known ? shape(inputShape).slice(1, -1).replace(/,$/, "") : null;
  return [
    sizes === null
      ? "# x_train: an array of samples as the models take them; y_train: their labels"
      : `# x_train: an array of shape (samples${sizes === "" ? "," : `, ${sizes}`}); y_train: their labels`,
  ];
}

/** Text as Python writes it. */
function text(value: string): string {
  return JSON.stringify(value);
}

/** A topic's name made of a configuration's: letters, digits, dots, dashes and underscores. */
export function topicFor(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replace(/[^\w.-]+/g, "-")
    .replace(/^[-.]+|[-.]+$/g, "")
    .slice(0, 200);
  return plain === "" ? "samples" : plain;
}

/** Whether a format can carry samples of a shape: records of numbers become vectors. */
export function obstacleTo(format: Format, inputShape: readonly (number | null)[] | null): string | null {
  if (format !== "AVRO" || inputShape === null || inputShape.length === 1) return null;
  return `The models take samples of shape ${shape(inputShape)}, but AVRO records become vectors. Use RAW or JSON, or begin the models with a Reshape layer.`;
}
