/** Reading a log: server-sent events over fetch, as an EventSource tells nothing of why it was refused. */

export interface ServerEvent {
  name: string;
  data: string;
}

/** Takes text as it comes, in pieces of any size, and gives the events that are complete. */
export class EventParser {
  private rest = "";

  take(text: string): ServerEvent[] {
    this.rest += text;
    const events: ServerEvent[] = [];
    for (;;) {
      const end = /\r?\n\r?\n/.exec(this.rest);
      if (end === null) return events;
      const event = eventOf(this.rest.slice(0, end.index));
      if (event !== null) events.push(event);
      this.rest = this.rest.slice(end.index + end[0].length);
    }
  }
}

function eventOf(block: string): ServerEvent | null {
  let name = "message";
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field = "", value = ""] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
    if (field === "event") name = value;
    if (field === "data") data.push(value);
  }
  return data.length === 0 && name === "message" ? null : { name, data: data.join("\n") };
}

/** Lines of a log, bounded: the oldest give way. The last may be incomplete and is continued by the next text. */
export class LogLines {
  lines: string[] = [];
  dropped = 0;
  private isOpen = false;
  private readonly most: number;

  constructor(most = 100_000) {
    this.most = most;
  }

  append(text: string): void {
    if (text === "") return;
    const [first = "", ...others] = text.split("\n");
    if (this.isOpen && this.lines.length > 0) this.lines[this.lines.length - 1] += first;
    else this.lines.push(first);
    for (const line of others) this.lines.push(line);
    this.isOpen = !text.endsWith("\n");
    if (!this.isOpen) this.lines.pop();
    const over = this.lines.length - this.most;
    if (over > 0) {
      this.lines.splice(0, over);
      this.dropped += over;
    }
  }
}

/** A line that a service wrote as JSON, for people: the time, what happened, and the particulars. Other lines are as they are. */
export function readable(line: string): string {
  if (!line.startsWith("{") || !line.includes('"event"')) return line;
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return line;
  }
  const { event, timestamp, level, logger: _logger, service: _service, workload_id: _id, exception, ...others } = entry;
  if (typeof event !== "string") return line;
  const time = typeof timestamp === "string" ? new Date(timestamp).toLocaleTimeString("en-GB") : "";
  const sign = level === undefined || level === "info" ? "" : `${String(level).toUpperCase()} `;
  const particulars = Object.entries(others).map(([name, value]) => `${name}=${wordOf(value)}`);
  const text = [time, `${sign}${event}`, particulars.join(" ")].filter(Boolean).join("  ");
  return typeof exception === "string" ? `${text}  ${exception.replaceAll("\n", " ⏎ ")}` : text;
}

function wordOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Indexes of the lines in which a text occurs, whatever its case. */
export function found(lines: readonly string[], text: string): number[] {
  if (text === "") return [];
  const wanted = text.toLowerCase();
  const places: number[] = [];
  lines.forEach((line, index) => {
    if (line.toLowerCase().includes(wanted)) places.push(index);
  });
  return places;
}
