/** Bytes as people see and write them. Pure. */

export type Form = "text" | "json" | "base64" | "hex";

const WIDTH = 16;

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** Bytes as text; null where they are none. */
export function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** JSON, with indents where that changes nothing else; null where the bytes are none. */
export function jsonOf(bytes: Uint8Array): string | null {
  const text = textOf(bytes);
  if (text === null) return null;
  try {
    const document: unknown = JSON.parse(text);
    // Long numbers don't survive being parsed; such documents are left as they are.
    return JSON.stringify(document) === compact(text) ? JSON.stringify(document, null, 2) : text;
  } catch {
    return null;
  }
}

/** JSON without the spaces between its parts. */
function compact(json: string): string {
  return json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");
}

export interface HexRow {
  offset: string;
  hex: string;
  text: string;
}

/** Rows of a hex editor: where they begin, sixteen bytes, and the same as characters. */
export function hexRows(bytes: Uint8Array): HexRow[] {
  const rows: HexRow[] = [];
  for (let start = 0; start < bytes.length; start += WIDTH) {
    const part = [...bytes.slice(start, start + WIDTH)];
    rows.push({
      offset: start.toString(16).padStart(8, "0"),
      hex: part.map(hex).join(" "),
      text: part.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·")).join(""),
    });
  }
  return rows;
}

/** Bytes in a form that can be written; null where they can't be written in it. */
export function written(bytes: Uint8Array, form: Form): string | null {
  switch (form) {
    case "text":
      return textOf(bytes);
    case "json":
      return jsonOf(bytes);
    case "base64":
      return toBase64(bytes);
    case "hex":
      return [...bytes]
        .map((byte, index) => hex(byte) + ((index + 1) % WIDTH === 0 ? "\n" : " "))
        .join("")
        .trim();
  }
}

/** What was written, as bytes; or why it can't be. */
export function read(text: string, form: Form): { bytes: Uint8Array } | { error: string } {
  switch (form) {
    case "text":
      return { bytes: new TextEncoder().encode(text) };
    case "json":
      try {
        JSON.parse(text);
        return { bytes: new TextEncoder().encode(compact(text)) };
      } catch (error) {
        return { error: `This is no JSON: ${error instanceof Error ? error.message : error}.` };
      }
    case "base64":
      try {
        return { bytes: fromBase64(text.replace(/\s/g, "")) };
      } catch {
        return { error: "This is no base64." };
      }
    case "hex": {
      const digits = text.replace(/[\s:,]/g, "");
      if (!/^[0-9a-fA-F]*$/.test(digits)) return { error: "Hexadecimal digits are 0 to 9 and a to f." };
      if (digits.length % 2 === 1) return { error: "A byte has two digits; the last has one." };
      return { bytes: Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)) };
    }
  }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
