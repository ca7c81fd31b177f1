import { expect, test } from "vitest";
import type { LiveEvent } from "@/api/live";
import { Course, type Report, rateNow, reportOf } from "./progress";

const report = (time: number, replica: number, rate: number, p99: number | null = null): Report => ({
  time,
  replica,
  rate,
  p50: null,
  p99,
  lag: 1,
});

test("replicas are added, and the worst latency counts", () => {
  const course = new Course(10);
  course.add(report(1, 0, 100, 4));
  course.add(report(2, 1, 50, 9));
  course.add(report(3, 0, 120, null));
  expect(course.moments.map(({ rate }) => rate)).toEqual([100, 150, 170]);
  expect(course.moments.at(-1)).toMatchObject({ p99: 9, lag: 2 });
});

test("a replica that says nothing any more has no rate", () => {
  const course = new Course(10);
  course.add(report(1, 0, 100));
  course.add(report(60, 1, 50));
  expect(course.moments.at(-1)?.rate).toBe(50);
});

test("as many moments stay as were asked for, and old news are none", () => {
  const course = new Course(3);
  for (const time of [1, 2, 3, 4, 5]) course.add(report(time, 0, time));
  course.add(report(2, 0, 99));
  expect(course.moments.map(({ time }) => time)).toEqual([3, 4, 5]);
});

test("what is older than ten minutes goes", () => {
  const course = new Course(10);
  for (const time of [1, 2, 700]) course.add(report(time, 0, 1));
  expect(course.moments.map(({ time }) => time)).toEqual([700]);
});

test("only progress of inferences is a report", () => {
  const event = {
    type: "kafka-ml.inference.ready",
    data: { inference_id: 1, rate: 1, lag: 0 },
    time: "2026-01-01T00:00:00Z",
  };
  expect(reportOf(event as unknown as LiveEvent)).toBeNull();
  const progress = { ...event, type: "kafka-ml.inference.progress" } as unknown as LiveEvent;
  expect(reportOf(progress)).toMatchObject({ inference: 1, replica: 0, rate: 1, p50: null });
});

test("a rate that was reported long ago is none", () => {
  const moment = { time: 100, rate: 7, p50: null, p99: null, lag: 0 };
  expect(rateNow(5, moment, 0, 105)).toBe(7);
  expect(rateNow(5, moment, 0, 130)).toBe(0);
  expect(rateNow(5, undefined, 100, 105)).toBe(5);
  expect(rateNow(5, undefined, 100, 130)).toBe(0);
});
