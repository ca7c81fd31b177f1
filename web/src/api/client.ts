import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];

/** What the server refused, or why it could not be reached, in words for people. */
export class ProblemError extends Error {
  readonly status: number;
  readonly advice: string | null;
  /** Messages by JSON pointer into the request's body, such as `/name`. */
  readonly fields: ReadonlyMap<string, string>;
  /** What uses the thing that was to be deleted, such as `configurations/1`. */
  readonly users: readonly string[];

  constructor(problem: Partial<Problem> & { detail: string; status: number }) {
    super(problem.detail);
    this.name = "ProblemError";
    this.status = problem.status;
    this.advice = problem.advice ?? null;
    this.fields = new Map((problem.errors ?? []).map((error) => [error.pointer, error.detail]));
    this.users = problem.users ?? [];
  }
}

const UNREACHABLE = "The server can't be reached.";

const keys: Middleware = {
  onRequest({ request }) {
    // The same key again has no second effect, so that a request whose answer was lost can be sent again.
    if (request.method === "POST") request.headers.set("Idempotency-Key", randomId());
    return request;
  },
};

export const api = createClient<paths>({ baseUrl: window.location.origin });
api.use(keys);

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/**
 * The data of an answer.
 *
 * @throws ProblemError where the server refused, or could not be reached.
 */
export async function unwrap<T>(answer: Promise<Answer<T>>): Promise<T> {
  let settled: Answer<T>;
  try {
    settled = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ProblemError({
      detail: UNREACHABLE,
      status: 0,
      advice: "It may be starting. This page tries again by itself.",
    });
  }
  const { data, error, response } = settled;
  if (!response.ok) throw problemOf(error, response);
  return data as T;
}

/** A GET for addresses that are put together at run time; typed by who calls. */
export async function getJson<T>(path: string, query: Record<string, unknown>, signal?: AbortSignal): Promise<T> {
  return unwrap<T>(fetchAnswer<T>(path + searchOf(query), signal));
}

async function fetchAnswer<T>(path: string, signal?: AbortSignal): Promise<Answer<T>> {
  const response = await fetch(path, { headers: { Accept: "application/json" }, ...(signal ? { signal } : {}) });
  const body: unknown = await response.json().catch(() => undefined);
  return response.ok ? { data: body as T, response } : { error: body, response };
}

/** A query string of what is set; lists repeat their name. */
export function searchOf(query: Record<string, unknown>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined && item !== null && item !== "") search.append(name, String(item));
    }
  }
  const text = search.toString();
  return text ? `?${text}` : "";
}

function problemOf(body: unknown, response: Response): ProblemError {
  if (isProblem(body)) return new ProblemError(body);
  return new ProblemError({ detail: `The server answered with status ${response.status}.`, status: response.status });
}

function isProblem(body: unknown): body is Problem {
  return (
    typeof body === "object" && body !== null && "detail" in body && "status" in body && typeof body.detail === "string"
  );
}

/** Random text for keys; `crypto.randomUUID` is missing where a page comes over plain HTTP from another machine. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
