import type { LiveEvent } from "@/api/live";
import { count, duration, metric, milliseconds, plural, rate } from "@/components/formats";

export type Tone = "good" | "bad" | "busy" | "plain";

export interface EventKind {
  label: string;
  group: string;
  tone: Tone;
}

/** The types of events by group, as they are offered to filter by. */
export const EVENT_KINDS: Readonly<Record<string, EventKind>> = {
  "kafka-ml.model.validated": { label: "Model is valid", group: "Models", tone: "good" },
  "kafka-ml.model.rejected": { label: "Model can't be built", group: "Models", tone: "bad" },
  "kafka-ml.draft.checked": { label: "Draft was checked", group: "Models", tone: "plain" },
  "kafka-ml.stream.recorded": { label: "Stream announced", group: "Streams", tone: "plain" },
  "kafka-ml.stream.matched": { label: "Stream found its deployment", group: "Streams", tone: "good" },
  "kafka-ml.stream.refused": { label: "Stream refused", group: "Streams", tone: "bad" },
  "kafka-ml.training.started": { label: "Training started", group: "Trainings", tone: "busy" },
  "kafka-ml.training.epoch": { label: "Epoch finished", group: "Trainings", tone: "busy" },
  "kafka-ml.training.finished": { label: "Training finished", group: "Trainings", tone: "good" },
  "kafka-ml.training.stopped": { label: "Training stopped", group: "Trainings", tone: "plain" },
  "kafka-ml.training.failed": { label: "Training failed", group: "Trainings", tone: "bad" },
  "kafka-ml.inference.ready": { label: "Replica ready", group: "Inference", tone: "good" },
  "kafka-ml.inference.progress": { label: "Replica's progress", group: "Inference", tone: "busy" },
  "kafka-ml.inference.failed": { label: "Replica failed", group: "Inference", tone: "bad" },
  "kafka-ml.workload.status": { label: "Scheduler's report", group: "Platform", tone: "plain" },
  "kafka-ml.resource.changed": { label: "Created, changed, deleted", group: "Platform", tone: "plain" },
  "kafka-ml.command.completed": { label: "Command carried out", group: "Platform", tone: "good" },
  "kafka-ml.command.rejected": { label: "Command refused", group: "Platform", tone: "bad" },
  "kafka-ml.dead-letter.resent": { label: "Dead letter sent again", group: "Platform", tone: "plain" },
};

type Data = Readonly<Record<string, unknown>>;
type Told = Pick<LiveEvent, "type" | "subject" | "data">;

const NOUNS: Readonly<Record<string, string>> = {
  models: "Model",
  configurations: "Configuration",
  deployments: "Deployment",
  results: "Result",
  datasources: "Data source",
  inferences: "Inference",
  validations: "Draft",
};

const SENTENCES: Readonly<Record<string, (data: Data, subject: string) => string>> = {
  "kafka-ml.model.validated": (data) =>
    `Version ${number(data, "version")} of model ${number(data, "model_id")} is valid${summed(data)}.`,
  "kafka-ml.model.rejected": (data) =>
    `Version ${number(data, "version")} of model ${number(data, "model_id")} can't be built: ${reason(data)}`,
  "kafka-ml.draft.checked": (data) =>
    isRecord(data.failure)
      ? `Draft ${number(data, "draft")} can't be built: ${reason(data)}`
      : `Draft ${number(data, "draft")} is valid${summed(data)}.`,
  "kafka-ml.stream.recorded": (data) =>
    `${streamed(data)} was announced for deployment ${number(data, "deployment_id")}.`,
  "kafka-ml.stream.matched": (data) =>
    `Deployment ${number(data, "deployment_id")} has its stream: ${plural(list(data, "result_ids").length, "training")} asked for.`,
  "kafka-ml.stream.refused": (data) =>
    `A stream for deployment ${number(data, "deployment_id")} was refused: ${reason(data)}`,
  "kafka-ml.training.started": (data) =>
    `Result ${number(data, "result_id")} begins to train: ${plural(quantity(data, "epochs"), "epoch")} over ${plural(quantity(data, "training_size"), "sample")}, ${number(data, "validation_size")} to validate, ${number(data, "test_size")} to test${skipped(data)}.`,
  "kafka-ml.training.epoch": (data) =>
    `Result ${number(data, "result_id")} has done epoch ${number(data, "epoch")}${measured(data, "metrics")}.`,
  "kafka-ml.training.finished": (data) =>
    `Result ${number(data, "result_id")} is trained after ${epochs(data)} in ${seconds(data)}${outcome(data)}.`,
  "kafka-ml.training.stopped": (data) =>
    `The training of result ${number(data, "result_id")} was stopped after ${epochs(data)}; ${data.model_object ? "the model as it was is kept" : "no model is kept"}.`,
  "kafka-ml.training.failed": (data) => `The training of result ${number(data, "result_id")} failed: ${reason(data)}`,
  "kafka-ml.inference.ready": (data) =>
    `${replica(data)} has loaded the model of result ${number(data, "result_id")} and begins to read.`,
  "kafka-ml.inference.progress": (data) =>
    `${replica(data)} predicts ${rate(quantity(data, "rate"))}, 99 % within ${milliseconds(optional(data, "latency_p99_ms"))}; ${plural(quantity(data, "lag"), "message waits", "messages wait")}.`,
  "kafka-ml.inference.failed": (data) => `${replica(data)} can't go on: ${reason(data)}`,
  "kafka-ml.workload.status": scheduled,
  "kafka-ml.resource.changed": changed,
  "kafka-ml.command.completed": (data) =>
    `${command(data)} was carried out on ${lower(nameOf(text(data, "resource")))}.`,
  "kafka-ml.command.rejected": (data) => `${command(data)} was refused: ${refused(data)}`,
  "kafka-ml.dead-letter.resent": (data) =>
    `Dead letter ${number(data, "offset")} was sent again, as message ${number(data, "to_offset")} of ${text(data, "to_topic")}.`,
};

/** What happened, in words. */
export function sentenceOf(event: Told): string {
  const tell = SENTENCES[event.type];
  return tell === undefined ? `${nameOf(event.subject)}: ${event.type}.` : tell(event.data, event.subject);
}

/** How an event is to be taken: some types tell of good and of bad. */
export function toneOf(event: Told): Tone {
  const { type, data } = event;
  if (type === "kafka-ml.workload.status") {
    if (data.state === "failed") return "bad";
    return data.state === "running" ? "busy" : data.state === "succeeded" ? "good" : "plain";
  }
  if (type === "kafka-ml.draft.checked") return isRecord(data.failure) ? "bad" : "good";
  if (type === "kafka-ml.resource.changed" && (data.state === "failed" || data.state === "invalid")) return "bad";
  return EVENT_KINDS[type]?.tone ?? "plain";
}

/** Where an event's subject has its page. */
export function pageOf(subject: string): string | null {
  const [resource = "", id = ""] = subject.split("/");
  if (resource === "dead-letters") return "/dead-letters";
  return resource !== "validations" && resource in NOUNS && /^\d+$/.test(id) ? `/${resource}/${id}` : null;
}

/** "Model 3" for `models/3`. */
export function nameOf(subject: string): string {
  const [resource = "", id = ""] = subject.split("/");
  const noun = NOUNS[resource];
  return noun === undefined || id === "" ? subject : `${noun} ${id}`;
}

function scheduled(data: Data): string {
  const owner = lower(nameOf(text(data, "owner")));
  const again = quantity(data, "attempt") > 1 ? ` (attempt ${number(data, "attempt")})` : "";
  if (data.kind === "inference" && data.state === "running") {
    const missing = isRecord(data.failure) ? ` The rest waits: ${reason(data)}` : "";
    return `Replicas of ${owner} that run: ${number(data, "replicas_running")} of ${number(data, "replicas_wanted")}.${missing}`;
  }
  const what = data.kind === "inference" ? nameOf(text(data, "owner")) : `The ${text(data, "kind")} of ${owner}`;
  switch (data.state) {
    case "pending":
      return isRecord(data.failure) ? `${what} waits${again}: ${reason(data)}` : `${what} waits to run${again}.`;
    case "running":
      return `${what} runs${again}.`;
    case "succeeded":
      return `${what} has ended well.`;
    case "failed":
      return `${what} has failed${again}: ${reason(data)}`;
    default:
      return `${what} has stopped.`;
  }
}

function changed(data: Data): string {
  const name = nameOf(`${text(data, "resource")}/${number(data, "id")}`);
  const state = typeof data.state === "string" ? data.state : null;
  if (data.change === "created") return `${name} was created.`;
  if (data.change === "deleted") return `${name} was deleted.`;
  return state === null ? `${name} was changed.` : `${name} is ${state}.`;
}

function streamed(data: Data): string {
  const stream = isRecord(data.stream) ? data.stream : {};
  const topics = text(stream, "topic");
  if (stream.incremental === true && !topics.includes(":")) return `The topic ${topics}, read as it grows,`;
  const ranges = topics.split(",").map((range) => range.split(":"));
  const names = [...new Set(ranges.map(([name = ""]) => name))].join(", ");
  const size = ranges.reduce((sum, [, , start, end]) => sum + Number(end ?? 0) - Number(start ?? 0), 0);
  return `A stream of ${plural(size, "message")} (${text(stream, "input_format")}) in ${names}`;
}

function measured(data: Data, field: string): string {
  const found = Object.entries(isRecord(data[field]) ? data[field] : {}).slice(0, 4);
  if (found.length === 0) return "";
  return `: ${found.map(([name, value]) => `${name} ${metric(typeof value === "number" ? value : null)}`).join(", ")}`;
}

function outcome(data: Data): string {
  const test = measured(data, "test_metrics");
  return test === "" ? measured(data, "training_metrics") : `; of the test part${test.slice(1)}`;
}

function summed(data: Data): string {
  return isRecord(data.summary) ? `: ${plural(quantity(data.summary, "parameters"), "parameter")}` : "";
}

function reason(data: Data): string {
  const failure = isRecord(data.failure) ? data.failure : {};
  const message = text(failure, "message") || "no reason is known.";
  const isTold = typeof failure.line !== "number" || message.includes(`line ${failure.line}`);
  const line = isTold ? "" : ` (line ${failure.line})`;
  return line === "" ? message : `${message.replace(/\.$/, "")}${line}.`;
}

function refused(data: Data): string {
  const problem = isRecord(data.problem) ? data.problem : {};
  return text(problem, "detail") || text(problem, "title") || "no reason is known.";
}

function command(data: Data): string {
  return `The command ${text(data, "command").replace(/^kafka-ml\./, "")}`;
}

function replica(data: Data): string {
  return `Replica ${number(data, "replica")} of inference ${number(data, "inference_id")}`;
}

function epochs(data: Data): string {
  return plural(quantity(data, "epochs_done"), "epoch");
}

function seconds(data: Data): string {
  return duration(optional(data, "duration_seconds"));
}

function skipped(data: Data): string {
  const left = quantity(data, "skipped");
  return left > 0 ? `; ${plural(left, "message")} could not be decoded and ${left === 1 ? "is" : "are"} left out` : "";
}

function lower(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function isRecord(value: unknown): value is Data {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(data: Data, field: string): string {
  const value = data[field];
  return typeof value === "string" ? value : "";
}

function list(data: Data, field: string): readonly unknown[] {
  const value = data[field];
  return Array.isArray(value) ? value : [];
}

function optional(data: Data, field: string): number | null {
  const value = data[field];
  return typeof value === "number" ? value : null;
}

function quantity(data: Data, field: string): number {
  return optional(data, field) ?? 0;
}

function number(data: Data, field: string): string {
  return count(optional(data, field));
}
