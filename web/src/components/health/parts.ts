/** What the platform's parts are called, and what it means when one is not well. */
export interface PartWords {
  label: string;
  meaning: string;
}

const PARTS: Readonly<Record<string, PartWords>> = {
  kafka: {
    label: "Kafka",
    meaning: "Streams and predictions stand still, and nothing new is started, until it is back. Nothing is lost.",
  },
  database: {
    label: "Database",
    meaning: "Nothing can be changed or looked up here. What runs goes on, and shows when it is back.",
  },
  "object store": {
    label: "Object store",
    meaning: "Models can't be stored or loaded: trainings wait with their end, inferences with their start.",
  },
  scheduler: {
    label: "Scheduler",
    meaning: "Stopping and scaling wait as well.",
  },
  tables: { label: "Tables", meaning: "The database is not yet made ready for this version." },
  topics: { label: "Topics", meaning: "The platform's own topics in Kafka are not there yet, or not as they must be." },
  bucket: { label: "Bucket", meaning: "There is no place in the object store for models yet." },
  outbox: { label: "Outbox", meaning: "What is asked for here is kept, and passed on when it works again." },
  consumers: { label: "Consumers", meaning: "What happens shows here later: events are not read just now." },
  live: { label: "Live updates", meaning: "Changes don't show by themselves just now." },
  housekeeping: { label: "Housekeeping", meaning: "Old events and files are not tidied up just now." },
};

export function wordsOf(name: string): PartWords {
  return PARTS[name] ?? { label: name, meaning: "What needs it waits." };
}

const MAIN: readonly string[] = ["kafka", "database", "object store", "scheduler"];

/** Whether a part is one inside of the API, of which nobody wants to hear while it is well. */
export function isInner(name: string): boolean {
  return !MAIN.includes(name);
}
