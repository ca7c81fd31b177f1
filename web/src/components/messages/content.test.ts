import { expect, test } from "vitest";
import { bytesOf, fieldsOf, hexOf, isNumbers, keyText } from "./content";
import { MOST, withNewest } from "./merge";
import type { Message } from "./read";

test("bytes are shown as hexadecimal and letters", () => {
  expect(hexOf(bytesOf(btoa("Hi\u0000there, Kafka!!"))).split("\n")).toEqual([
    "000000  48 69 00 74 68 65 72 65  2c 20 4b 61 66 6b 61 21  Hi.there, Kafka!",
    `000010  21${" ".repeat(48)}!`,
  ]);
  expect(hexOf(new Uint8Array(100), 32).split("\n")).toHaveLength(2);
});

test("a key is text, or bytes, or none", () => {
  expect(keyText({ key: "seven", key_base64: btoa("seven") })).toBe("seven");
  expect(keyText({ key: null, key_base64: btoa("\u0007\u00ff") })).toBe("0x 07 ff");
  expect(keyText({ key: "\t", key_base64: btoa("\t") })).toBe("0x 09");
  expect(keyText({ key: null, key_base64: null })).toBeNull();
});

test("columns are the most frequent fields, in the messages' order", () => {
  const messages = [
    { document: { a: 1, b: 2 } },
    { document: { a: 1, c: 3, b: 1 } },
    { document: [1] },
    { document: null },
  ];
  expect(fieldsOf(messages, 2)).toEqual(["a", "b"]);
  expect(fieldsOf([{ document: null }])).toEqual([]);
});

test("only lists of several numbers are drawn", () => {
  expect(isNumbers([1, 2])).toBe(true);
  for (const value of [[1], [1, "a"], 3, null]) expect(isNumbers(value)).toBe(false);
});

const message = (offset: number) => ({ partition: 0, offset }) as Message;
const offsets = (messages: readonly Message[]) => messages.map(({ offset }) => offset);

test("the newest come on top, each once", () => {
  expect(offsets(withNewest([3, 2, 1].map(message), [5, 4, 3].map(message)))).toEqual([5, 4, 3, 2, 1]);
  const known = [3, 2].map(message);
  expect(withNewest(known, [3, 2].map(message))).toBe(known);
});

test("there is no gap among what is shown", () => {
  expect(offsets(withNewest([3, 2, 1].map(message), [99, 98].map(message)))).toEqual([99, 98]);
});

test("not more stay than can be kept", () => {
  const known = Array.from({ length: MOST }, (_, index) => message(MOST - index));
  expect(withNewest(known, [message(MOST + 1), message(MOST)])).toHaveLength(MOST);
});
