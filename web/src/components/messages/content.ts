import type { Message } from "./read";

export function bytesOf(base64: string | null): Uint8Array {
  return base64 === null ? new Uint8Array() : Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** Bytes as people look at them: where, in hexadecimal, and what is a letter. */
export function hexOf(bytes: Uint8Array, most = 4096): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += 16) {
    const row = [...bytes.slice(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, "0"));
    const letters = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "."));
    const left = hex.slice(0, 8).join(" ");
    const right = hex.slice(8).join(" ");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${left.padEnd(23)}  ${right.padEnd(23)}  ${letters.join("")}`);
  }
  return lines.join("\n");
}

/** A key in few letters: as text, or else its bytes. */
export function keyText({ key, key_base64 }: Pick<Message, "key" | "key_base64">): string | null {
  if (key_base64 === null) return null;
  // A tab or a blank line is a label of one byte more often than text.
  if (key !== null && key.trim() !== "") return key;
  const bytes = bytesOf(key_base64);
  const shown = [...bytes.slice(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  return bytes.length === 0 ? '""' : `0x ${shown}${bytes.length > 8 ? " …" : ""}`;
}

/** The fields of JSON objects that most messages have, as columns. */
export function fieldsOf(messages: readonly Pick<Message, "document">[], most = 8): string[] {
  const times = new Map<string, number>();
  for (const { document } of messages.slice(0, 200))
    if (isObject(document)) for (const name of Object.keys(document)) times.set(name, (times.get(name) ?? 0) + 1);
  const kept = [...times].sort(([, one], [, other]) => other - one).slice(0, most);
  const names = new Set(kept.map(([name]) => name));
  // In the order in which the messages have them.
  return [...times.keys()].filter((name) => names.has(name));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a list of numbers, so that it can be drawn. */
export function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 1 && value.every((part) => typeof part === "number");
}
