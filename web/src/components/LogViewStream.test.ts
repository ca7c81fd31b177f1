import { describe, expect, it } from "vitest";
import { EventParser, found, LogLines, readable } from "./LogViewStream";

describe("EventParser", () => {
  it("puts events together that come in pieces", () => {
    const parser = new EventParser();
    expect(parser.take('data: "a')).toEqual([]);
    expect(parser.take('b"\n\n: ping\n\nevent: end\nda')).toEqual([{ name: "message", data: '"ab"' }]);
    expect(parser.take("ta: over\r\n\r\n")).toEqual([{ name: "end", data: "over" }]);
  });

  it("keeps an event without data that has a name", () => {
    expect(new EventParser().take("event: anew\ndata: \n\n")).toEqual([{ name: "anew", data: "" }]);
  });
});

describe("LogLines", () => {
  it("continues a line that was incomplete", () => {
    const log = new LogLines();
    log.append("one\ntw");
    log.append("o\n");
    log.append("three");
    expect(log.lines).toEqual(["one", "two", "three"]);
  });

  it("keeps empty lines", () => {
    const log = new LogLines();
    log.append("a\n\n");
    log.append("\nb\n");
    expect(log.lines).toEqual(["a", "", "", "b"]);
  });

  it("forgets the oldest, and says how many", () => {
    const log = new LogLines(3);
    log.append("1\n2\n3\n4\n5\n");
    expect(log.lines).toEqual(["3", "4", "5"]);
    expect(log.dropped).toBe(2);
  });
});

it("readable turns a service's JSON into words, and leaves the rest", () => {
  const line =
    '{"samples": 7, "event": "stream read", "service": "trainer", "level": "warning", "timestamp": "2026-11-25T08:27:54Z"}';
  expect(readable(line)).toMatch(/^\d\d:\d\d:\d\d {2}WARNING stream read {2}samples=7$/);
  expect(readable('{"event": broken')).toBe('{"event": broken');
  expect(readable("Epoch 1/5")).toBe("Epoch 1/5");
});

it("found ignores case", () => {
  expect(found(["Error", "fine", "an ERROR"], "error")).toEqual([0, 2]);
  expect(found(["a"], "")).toEqual([]);
});
