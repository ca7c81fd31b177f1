import type { Schemas } from "@/api/client";

export type Settings = Schemas["TrainingSettings"];
export type Body = Schemas["DeploymentCreate"];

/** What the form holds. Numbers that may be left out are empty text; labels and weights are text, a line each. */
export interface DeployValues {
  configuration: string | null;
  description: string;
  asText: boolean;
  fitText: string;
  evaluateText: string;
  batchSize: number | string;
  epochs: number | string;
  stepsPerEpoch: number | string;
  shuffle: boolean;
  classWeight: string;
  validationFreq: number | string;
  validationSteps: number | string;
  evaluateSteps: number | string;
  confusionMatrix: boolean;
  onBadMessage: "refuse" | "skip";
  memory: number | string;
  timeout: number | string;
  framework: string;
  cpus: number | string;
  gpus: number | string;
  nodeSelector: string;
  tolerations: string;
  serviceAccount: string;
}

export const DEFAULTS: DeployValues = {
  configuration: null,
  description: "",
  asText: false,
  fitText: "epochs=10",
  evaluateText: "",
  batchSize: 32,
  epochs: 10,
  stepsPerEpoch: "",
  shuffle: true,
  classWeight: "",
  validationFreq: 1,
  validationSteps: "",
  evaluateSteps: "",
  confusionMatrix: true,
  onBadMessage: "refuse",
  memory: 2048,
  timeout: 86_400,
  framework: "tensorflow",
  cpus: "",
  gpus: 0,
  nodeSelector: "",
  tolerations: "",
  serviceAccount: "",
};

type Fit = NonNullable<Settings["fit"]>;
const NO_FIT: Fit = { epochs: 1, shuffle: true, validation_freq: 1, verbose: 0 };
const NO_PLACEMENT: NonNullable<Settings["placement"]> = { framework: "tensorflow", gpus: 0, tolerations: [] };

/** Where in the request's body each field is, so that what the server says of it stands beside it. */
export const POINTERS: Readonly<Record<string, keyof DeployValues>> = {
  "/configuration_id": "configuration",
  "/description": "description",
  "/batch_size": "batchSize",
  "/fit/epochs": "epochs",
  "/fit/steps_per_epoch": "stepsPerEpoch",
  "/fit/shuffle": "shuffle",
  "/fit/class_weight": "classWeight",
  "/fit/validation_freq": "validationFreq",
  "/fit/validation_steps": "validationSteps",
  "/evaluate/steps": "evaluateSteps",
  "/confusion_matrix": "confusionMatrix",
  "/on_bad_message": "onBadMessage",
  "/memory_mb": "memory",
  "/timeout_seconds": "timeout",
  "/placement/framework": "framework",
  "/placement/cpus": "cpus",
  "/placement/gpus": "gpus",
  "/placement/node_selector": "nodeSelector",
  "/placement/tolerations": "tolerations",
  "/placement/service_account": "serviceAccount",
};

/** The field that a server's message belongs to: its own, or the nearest around it; as text, `fit` and `evaluate` are one field each. */
export function fieldOf(pointer: string, asText: boolean): keyof DeployValues | null {
  if (asText && /^\/fit(\/|$)/.test(pointer)) return "fitText";
  if (asText && /^\/evaluate(\/|$)/.test(pointer)) return "evaluateText";
  for (let path = pointer; path !== ""; path = path.slice(0, path.lastIndexOf("/"))) {
    const field = POINTERS[path];
    if (field !== undefined) return field;
  }
  return null;
}

/** The request for what the form holds. */
export function bodyOf(values: DeployValues): Body {
  return {
    configuration_id: Number(values.configuration),
    description: values.description,
    batch_size: Number(values.batchSize),
    fit: values.asText ? asArguments<Body["fit"]>(values.fitText) : fitOf(values),
    evaluate: values.asText
      ? asArguments<Body["evaluate"]>(values.evaluateText)
      : { steps: optional(values.evaluateSteps), verbose: 0 },
    confusion_matrix: values.confusionMatrix,
    on_bad_message: values.onBadMessage,
    memory_mb: Number(values.memory),
    timeout_seconds: Number(values.timeout),
    placement: {
      framework: values.framework,
      cpus: optional(values.cpus),
      gpus: Number(values.gpus),
      node_selector: pairs(values.nodeSelector, "="),
      tolerations: linesOf(values.tolerations).map(tolerationOf),
      service_account: values.serviceAccount.trim() === "" ? null : values.serviceAccount.trim(),
    },
  };
}

/** The form for settings that there were before. */
export function valuesOf(settings: Settings): Partial<DeployValues> {
  const { fit = NO_FIT, evaluate, placement = NO_PLACEMENT } = settings;
  return {
    batchSize: settings.batch_size,
    epochs: fit.epochs,
    stepsPerEpoch: fit.steps_per_epoch ?? "",
    shuffle: fit.shuffle,
    classWeight: Object.entries(fit.class_weight ?? {})
      .map(([label, weight]) => `${label}: ${weight}`)
      .join("\n"),
    validationFreq: fit.validation_freq,
    validationSteps: fit.validation_steps ?? "",
    evaluateSteps: evaluate?.steps ?? "",
    fitText: fitText(fit),
    evaluateText: evaluate?.steps === null || evaluate?.steps === undefined ? "" : `steps=${evaluate?.steps}`,
    confusionMatrix: settings.confusion_matrix,
    onBadMessage: settings.on_bad_message,
    memory: settings.memory_mb,
    timeout: settings.timeout_seconds,
    framework: placement.framework,
    cpus: placement.cpus ?? "",
    gpus: placement.gpus,
    nodeSelector: Object.entries(placement.node_selector ?? {})
      .map(([label, value]) => `${label}=${value}`)
      .join("\n"),
    tolerations: placement.tolerations.map(tolerationText).join("\n"),
    serviceAccount: placement.service_account ?? "",
  };
}

/** The arguments as Keras's users write them. */
export function fitText(fit: Fit): string {
  const found = [`epochs=${fit.epochs}`];
  if (typeof fit.steps_per_epoch === "number") found.push(`steps_per_epoch=${fit.steps_per_epoch}`);
  if (!fit.shuffle) found.push("shuffle=False");
  const weights = Object.entries(fit.class_weight ?? {});
  if (weights.length > 0)
    found.push(`class_weight={${weights.map(([name, weight]) => `${name}: ${weight}`).join(", ")}}`);
  if (fit.validation_freq !== 1) found.push(`validation_freq=${fit.validation_freq}`);
  if (typeof fit.validation_steps === "number") found.push(`validation_steps=${fit.validation_steps}`);
  return found.join(", ");
}

function fitOf(values: DeployValues): Body["fit"] {
  const weights = pairs(values.classWeight, ":");
  return {
    epochs: Number(values.epochs),
    steps_per_epoch: optional(values.stepsPerEpoch),
    shuffle: values.shuffle,
    class_weight:
      Object.keys(weights).length === 0
        ? null
        : Object.fromEntries(Object.entries(weights).map(([label, weight]) => [label, numberOr(weight)])),
    validation_freq: Number(values.validationFreq),
    validation_steps: optional(values.validationSteps),
    verbose: 0,
  } as Body["fit"];
}

/** What is no number is sent as it is, so that the server says what is wrong with it. */
function numberOr(text: string): number | string {
  return text === "" || Number.isNaN(Number(text)) ? text : Number(text);
}

/** The API takes keyword text for arguments; its types know the object only. */
function asArguments<T>(text: string): T {
  return text.trim() as unknown as T;
}

function optional(value: number | string): number | null {
  return value === "" ? null : Number(value);
}

function linesOf(text: string): string[] {
  return text
    .split(/\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function pairs(text: string, separator: string): Record<string, string> {
  return Object.fromEntries(
    linesOf(text).map((line) => {
      const at = line.indexOf(separator);
      return at < 0 ? [line, ""] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    }),
  );
}

type Toleration = Schemas["Toleration"];

/** `key=value:effect`, or `key:effect` for a taint of any value, as kubectl writes taints. */
function tolerationOf(line: string): Toleration {
  const [taint = "", effect = ""] = line.split(":");
  const [key = "", value] = taint.split("=");
  return {
    key: key === "" ? null : key,
    operator: value === undefined ? "Exists" : "Equal",
    value: value ?? null,
    effect: effect === "" ? null : (effect as Toleration["effect"]),
    seconds: null,
  } as Toleration;
}

function tolerationText({ key, operator, value, effect }: Toleration): string {
  return `${key ?? ""}${operator === "Equal" ? `=${value ?? ""}` : ""}${effect ? `:${effect}` : ""}`;
}
