import { describe, expect, it } from "vitest";
import { type Form, fromBase64, hexRows, read, toBase64, written } from "./bytes";

const FORMS: readonly Form[] = ["text", "json", "base64", "hex"];

describe("forms of bytes", () => {
  it.each(FORMS)("come back the same as %s", (form) => {
    const bytes = new TextEncoder().encode('{"naïve":[1,2],"größe":"€"}');
    expect(read(written(bytes, form) ?? "", form)).toEqual({ bytes });
  });

  it("keep bytes that are no text as base64 and hex only", () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    expect(written(bytes, "text")).toBeNull();
    expect(written(bytes, "json")).toBeNull();
    for (const form of ["base64", "hex"] as const) expect(read(written(bytes, form) ?? "", form)).toEqual({ bytes });
  });

  it("keep a byte order mark, which is a part of the message", () => {
    const bytes = Uint8Array.from([0xef, 0xbb, 0xbf, 0x61]);
    expect(read(written(bytes, "text") ?? "", "text")).toEqual({ bytes });
  });

  it("keep numbers of JSON that are too long for this language", () => {
    const bytes = new TextEncoder().encode('{"id":12345678901234567890,"text":"a \\" b"}');
    expect(read(written(bytes, "json") ?? "", "json")).toEqual({ bytes });
    expect(read('{ "a b" : [ 1 ] }', "json")).toEqual({ bytes: new TextEncoder().encode('{"a b":[1]}') });
  });

  it("take base64 with line breaks", () => {
    expect(read("AAEC\nAwQ=", "base64")).toEqual({ bytes: Uint8Array.from([0, 1, 2, 3, 4]) });
    expect(toBase64(fromBase64("AAECAwQ="))).toBe("AAECAwQ=");
  });

  it.each([
    ["json", "{a: 1}"],
    ["base64", "?"],
    ["hex", "0g"],
    ["hex", "012"],
  ] as const)("refuse what is no %s", (form, text) => {
    expect(read(text, form)).toHaveProperty("error");
  });
});

describe("hexRows", () => {
  it("has sixteen bytes a row, and a dot for what is no character", () => {
    const rows = hexRows(new TextEncoder().encode("Kafka-ML\n12345678"));
    expect(rows).toEqual([
      { offset: "00000000", hex: "4b 61 66 6b 61 2d 4d 4c 0a 31 32 33 34 35 36 37", text: "Kafka-ML·1234567" },
      { offset: "00000010", hex: "38", text: "8" },
    ]);
  });
});
