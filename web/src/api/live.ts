/**
 * Live updates: the API's event stream tells what has changed, and what the pages show of it is read again.
 *
 * An event takes this way: `EventSource` -> every subscriber (curves append to themselves) -> the set of things that changed -> a moment
 * later, so that many events of one thing cost one request, that thing is fetched and put in its place in lists, where it is shown;
 * what hangs on it is read again. So lists keep their scroll position and their selection.
 *
 * A line that was lost comes back with the events that were missed. As the server may have forgotten some by then, everything that is
 * shown is read again, too. A page in the background lets the line go: browsers allow few to one server, and nobody looks.
 */
import type { QueryClient } from "@tanstack/react-query";
import { getJson, ProblemError, type Schemas } from "./client";
import { type Items, keys, type Page, type Pages, RESOURCES, type Resource } from "./resources";

export type LiveEvent = Schemas["StoredEventView"];
export type Line = "connecting" | "live" | "lost";

const GATHER_MS = 150;
const RETRY_MS = 1000;
const SILENT_MS = 40_000;
const HIDDEN_MS = 30_000;
/** Beyond this many things of one kind at once, lists are read again as a whole. */
const MANY = 25;

type Listener = (event: LiveEvent) => void;

export class Live {
  private readonly queries: QueryClient;
  private readonly listeners = new Set<Listener>();
  private readonly watchers = new Set<() => void>();
  private readonly changed = new Map<Resource, Map<number, boolean>>();
  private source: EventSource | null = null;
  private gather: ReturnType<typeof setTimeout> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private hidden: ReturnType<typeof setTimeout> | undefined;
  private sequence: number | null = null;
  private opened = false;
  line: Line = "connecting";

  constructor(queries: QueryClient) {
    this.queries = queries;
  }

  /** Open the line; the function that comes back closes it. */
  start(): () => void {
    const onVisibility = () => this.followVisibility();
    const onOnline = () => this.reopen();
    document.addEventListener("visibilitychange", onVisibility);
    window.addEventListener("online", onOnline);
    this.open();
    return () => {
      document.removeEventListener("visibilitychange", onVisibility);
      window.removeEventListener("online", onOnline);
      clearTimeout(this.hidden);
      clearTimeout(this.gather);
      this.close();
    };
  }

  /** Hear every event; the function that comes back ends it. */
  subscribe = (listener: Listener): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Hear when the line's state changes. */
  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  private open(): void {
    this.close();
    const after = this.sequence === null ? "" : `?after=${this.sequence}`;
    const source = new EventSource(`/api/v1/events${after}`);
    this.source = source;
    this.expectWord();
    source.onopen = () => {
      this.expectWord();
      this.setLine("live");
      // What was read before the line stood may have changed in between.
      if (this.opened) void this.queries.invalidateQueries();
      this.opened = true;
    };
    source.onmessage = (message: MessageEvent<string>) => {
      this.expectWord();
      this.take(JSON.parse(message.data) as LiveEvent);
    };
    for (const name of ["connected", "heartbeat"]) source.addEventListener(name, () => this.expectWord());
    source.onerror = () => {
      this.setLine("lost");
      // After an HTTP error the browser gives up, otherwise it tries again by itself.
      if (source.readyState === EventSource.CLOSED) this.reopenSoon();
    };
  }

  private close(): void {
    clearTimeout(this.retry);
    clearTimeout(this.silence);
    this.source?.close();
    this.source = null;
  }

  private reopen(): void {
    this.setLine("lost");
    if (document.visibilityState === "visible") this.open();
  }

  private reopenSoon(): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.open(), RETRY_MS);
  }

  /** A line on which nothing comes, not even a heartbeat, is dead, whatever the browser believes. */
  private expectWord(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.reopen(), SILENT_MS);
  }

  private followVisibility(): void {
    clearTimeout(this.hidden);
    if (document.visibilityState === "hidden") {
      this.hidden = setTimeout(() => this.close(), HIDDEN_MS);
    } else if (this.source === null) {
      this.open();
    }
  }

  private setLine(line: Line): void {
    if (this.line === line) return;
    this.line = line;
    for (const watcher of this.watchers) watcher();
  }

  private take(event: LiveEvent): void {
    this.sequence = event.sequence;
    for (const listener of this.listeners) listener(event);
    for (const [resource, id] of touchedBy(event)) {
      const ids = this.changed.get(resource) ?? new Map<number, boolean>();
      const membership = isMembership(event);
      ids.set(id, (ids.get(id) ?? false) || membership);
      this.changed.set(resource, ids);
    }
    this.gather ??= setTimeout(() => {
      this.gather = undefined;
      const changed = new Map(this.changed);
      this.changed.clear();
      for (const [resource, ids] of changed) this.refresh(resource, ids);
    }, GATHER_MS);
  }

  private refresh(resource: Resource, ids: Map<number, boolean>): void {
    for (const id of ids.keys()) {
      void this.queries.invalidateQueries({ queryKey: keys.item(resource, id) });
      void this.queries.invalidateQueries({ queryKey: keys.of(resource, id) });
    }
    void this.queries.invalidateQueries({ queryKey: ["overview"] });
    const membership = [...ids.values()].some(Boolean);
    if (ids.size > MANY || (membership && this.isShort(resource))) {
      void this.queries.invalidateQueries({ queryKey: keys.lists(resource) });
      return;
    }
    for (const [id, added] of ids) void this.patch(resource, id, added);
  }

  /** Whether all lists of a resource that are shown have few pages, so that reading them again is cheap. */
  private isShort(resource: Resource): boolean {
    const lists = this.queries.getQueriesData<Pages<unknown>>({ queryKey: keys.lists(resource), type: "active" });
    return lists.every(([, data]) => (data?.pages?.length ?? 0) <= 2);
  }

  private async patch<R extends Resource>(resource: R, id: number, added: boolean): Promise<void> {
    const lists = this.queries.getQueriesData<Pages<Items[R]>>({ queryKey: keys.lists(resource) });
    const shown = lists.filter(([, data]) => data?.pages?.some((page) => page.items.some((item) => item.id === id)));
    if (shown.length === 0 && !added) return;
    let item: Items[R] | null;
    try {
      item = await getJson<Items[R]>(`/api/v1/${resource}/${id}`, {});
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status !== 404) return;
      item = null;
    }
    for (const [key] of item !== null && added ? lists : shown) {
      this.queries.setQueryData<Pages<Items[R]>>(
        key,
        (data) => data && placed(data, id, item, added && !isFiltered(key)),
      );
    }
  }
}

/** A list with a thing put in its place, or taken out; a new one comes first. */
export function placed<T extends { id: number }>(
  data: Pages<T>,
  id: number,
  item: T | null,
  mayAdd: boolean,
): Pages<T> {
  let found = false;
  const pages = data.pages.map((page): Page<T> => {
    if (!page.items.some((other) => other.id === id)) return page;
    found = true;
    const items = page.items.flatMap((other) => (other.id !== id ? [other] : item === null ? [] : [item]));
    return { ...page, items };
  });
  const [first, ...rest] = pages;
  if (!found && item !== null && mayAdd && first !== undefined) {
    return { ...data, pages: [{ ...first, items: [item, ...first.items] }, ...rest] };
  }
  return { ...data, pages };
}

function isFiltered(key: readonly unknown[]): boolean {
  const query = key[2];
  return (
    typeof query === "object" &&
    query !== null &&
    Object.values(query).some((value) => value !== undefined && value !== "")
  );
}

/** Which things an event is about: its subject, and the deployment that a result belongs to. */
export function touchedBy(event: Pick<LiveEvent, "subject" | "data">): [Resource, number][] {
  const touched: [Resource, number][] = [];
  const [name, id] = event.subject.split("/");
  const resource = RESOURCES.find((known) => known === name);
  if (resource !== undefined && id !== undefined && /^\d+$/.test(id)) touched.push([resource, Number(id)]);
  const deployment = event.data.deployment_id;
  if (typeof deployment === "number" && resource !== "deployments") touched.push(["deployments", deployment]);
  return touched;
}

function isMembership(event: LiveEvent): boolean {
  return event.type === "kafka-ml.resource.changed" && event.data.change !== "updated";
}
