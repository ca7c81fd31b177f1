import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { getJson } from "@/api/client";
import type { LiveEvent } from "@/api/live";
import type { Page } from "@/api/resources";
import { useLiveEvents } from "@/api/useLive";
import { Course, type Moment, reportOf } from "./progress";

const NONE: readonly Moment[] = [];
const DRAW_MS = 500;

/** The course of each inference since the page was opened, by its id. */
export function useCourses(most = 40): (id: number) => readonly Moment[] {
  const courses = useRef(new Map<number, Course>());
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [, draw] = useState(0);
  useEffect(() => () => clearTimeout(timer.current), []);
  useLiveEvents((event) => {
    const report = reportOf(event);
    if (report === null) return;
    const course = courses.current.get(report.inference) ?? new Course(most);
    courses.current.set(report.inference, course);
    course.add(report);
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      draw((before) => before + 1);
    }, DRAW_MS);
  });
  return (id) => courses.current.get(id)?.moments ?? NONE;
}

const MOST = 360;

/** The course of one inference: what its replicas reported last, and what they report from now on. */
export function useCourse(id: number): readonly Moment[] {
  const history = useQuery({
    queryKey: ["progress", id],
    queryFn: ({ signal }) =>
      getJson<Page<LiveEvent>>(
        "/api/v1/events/history",
        { type: "kafka-ml.inference.progress", subject: `inferences/${id}`, limit: 200 },
        signal,
      ),
    gcTime: 0,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [moments, setMoments] = useState<readonly Moment[]>(NONE);
  const course = useRef(new Course(MOST));
  useEffect(() => {
    const known = new Course(MOST);
    for (const event of history.data?.items.toReversed() ?? []) {
      const report = reportOf(event);
      if (report !== null) known.add(report);
    }
    course.current = known;
    setMoments(known.moments);
  }, [history.data]);
  useLiveEvents((event) => {
    const report = reportOf(event);
    if (report?.inference !== id) return;
    course.current.add(report);
    setMoments(course.current.moments);
  });
  return moments;
}
