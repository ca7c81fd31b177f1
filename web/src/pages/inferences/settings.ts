import type { Schemas } from "@/api/client";
import { DEFAULTS as DEPLOYMENT, bodyOf as deploymentOf } from "@/pages/deployments/settings";

export type Body = Schemas["InferenceCreate"];
export type Format = Schemas["InputFormat"];

/** What the form holds. Numbers that may be left out are empty text; labels, taints and the format's configuration are text. */
export interface InferenceValues {
  result: string | null;
  inputTopic: string;
  outputTopic: string;
  replicas: number | string;
  description: string;
  ownFormat: boolean;
  format: Format;
  config: string;
  startFrom: "earliest" | "latest";
  delivery: "exactly_once" | "at_least_once";
  maxBatch: number | string;
  maxWait: number | string;
  memory: number | string;
  scales: boolean;
  minReplicas: number | string;
  maxReplicas: number | string;
  lagPerReplica: number | string;
  framework: string;
  cpus: number | string;
  gpus: number | string;
  nodeSelector: string;
  tolerations: string;
  serviceAccount: string;
}

export const DEFAULTS: InferenceValues = {
  result: null,
  inputTopic: "",
  outputTopic: "",
  replicas: 1,
  description: "",
  ownFormat: false,
  format: "RAW",
  config: "{}",
  startFrom: "earliest",
  delivery: "exactly_once",
  maxBatch: 4096,
  maxWait: 5,
  memory: 2048,
  scales: false,
  minReplicas: 1,
  maxReplicas: 4,
  lagPerReplica: 1000,
  framework: "tensorflow",
  cpus: "",
  gpus: 0,
  nodeSelector: "",
  tolerations: "",
  serviceAccount: "",
};

/** Where in the request's body each field is, so that what the server says of it stands beside it. */
const POINTERS: Readonly<Record<string, keyof InferenceValues>> = {
  "/result_id": "result",
  "/input_topic": "inputTopic",
  "/output_topic": "outputTopic",
  "/replicas": "replicas",
  "/description": "description",
  "/input_format": "format",
  "/input_config": "config",
  "/start_from": "startFrom",
  "/delivery": "delivery",
  "/max_batch": "maxBatch",
  "/max_wait_ms": "maxWait",
  "/memory_mb": "memory",
  "/autoscaling": "scales",
  "/autoscaling/min_replicas": "minReplicas",
  "/autoscaling/max_replicas": "maxReplicas",
  "/autoscaling/lag_per_replica": "lagPerReplica",
  "/placement/framework": "framework",
  "/placement/cpus": "cpus",
  "/placement/gpus": "gpus",
  "/placement/node_selector": "nodeSelector",
  "/placement/tolerations": "tolerations",
  "/placement/service_account": "serviceAccount",
};

/** The parts of the form that are folded away, with their fields. */
export const PARTS: Readonly<Record<string, readonly (keyof InferenceValues)[]>> = {
  format: ["format", "config"],
  reading: ["startFrom", "delivery", "maxBatch", "maxWait", "memory"],
  scaling: ["scales", "minReplicas", "maxReplicas", "lagPerReplica"],
  placement: ["framework", "cpus", "gpus", "nodeSelector", "tolerations", "serviceAccount"],
};

/** The field that a server's message belongs to: its own, or the nearest around it; null if there is none. */
export function fieldOf(pointer: string): keyof InferenceValues | null {
  for (let path = pointer; path !== ""; path = path.slice(0, path.lastIndexOf("/"))) {
    const field = POINTERS[path];
    if (field !== undefined) return field;
  }
  return null;
}

/** The request for what the form holds. */
export function bodyOf(values: InferenceValues): Body {
  const { framework, cpus, gpus, nodeSelector, tolerations, serviceAccount } = values;
  const { placement } = deploymentOf({
    ...DEPLOYMENT,
    framework,
    cpus,
    gpus,
    nodeSelector,
    tolerations,
    serviceAccount,
  });
  return {
    result_id: Number(values.result),
    input_topic: values.inputTopic.trim(),
    output_topic: values.outputTopic.trim(),
    replicas: Number(values.replicas),
    description: values.description,
    input_format: values.ownFormat ? values.format : null,
    input_config: values.ownFormat ? (JSON.parse(values.config) as Record<string, unknown>) : null,
    start_from: values.startFrom,
    delivery: values.delivery,
    max_batch: Number(values.maxBatch),
    max_wait_ms: Number(values.maxWait),
    memory_mb: Number(values.memory),
    autoscaling: values.scales
      ? {
          min_replicas: Number(values.minReplicas),
          max_replicas: Number(values.maxReplicas),
          lag_per_replica: Number(values.lagPerReplica),
        }
      : null,
    ...(placement === undefined ? {} : { placement }),
  };
}

/** Why a text is no configuration of a format; null if it is. */
export function configError(text: string): string | null {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found)
      ? null
      : 'A JSON object, such as {"data_type": "uint8"}.';
  } catch (error) {
    return `That is no JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Partitions of a topic that is made for an inference. */
export function partitionsFor({ replicas, scales, maxReplicas }: InferenceValues): number {
  return Math.min(Math.max(Number(replicas) || 1, scales ? Number(maxReplicas) || 1 : 1), 100);
}

const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;

export function topicError(name: string): string | null {
  if (name.trim() === "") return "Name a topic.";
  return TOPIC.test(name.trim()) ? null : "Up to 249 letters, digits, dots, dashes and underscores.";
}

/** Topics for predictions of what was learnt from a stream: named like the stream's, or like the model if that is not known. */
export function topicsFor(streamTopic: string | null, modelName: string): { input: string; output: string } {
  const plain = modelName.normalize("NFKD").replace(/[^\w.-]+/g, "-");
  const base = (streamTopic ?? plain.replace(/^[-.]+|[-.]+$/g, "")).slice(0, 240) || "samples";
  return { input: `${base}-in`, output: `${base}-out` };
}

/** The topic in a stream's ranges, `topic:partition:start:end,...`, or its name alone. */
export function topicOf(ranges: string): string | null {
  const [name] = ranges.split(":");
  return name === undefined || !TOPIC.test(name) ? null : name;
}
