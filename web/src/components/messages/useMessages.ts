import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useState } from "react";
import { MOST, withNewest } from "./merge";
import { type Decoding, type Message, PAGE, type Place, readMessages } from "./read";

const TAIL_MS = 1000;

interface Wishes {
  topic: string;
  place: Place;
  decoding: Decoding;
  /** Whether the newest are read again and again. */
  tail: boolean;
}

/** Messages of a topic from a place on, more of them before and after it, and the newest as they come. */
export function useMessages({ topic, place, decoding, tail }: Wishes) {
  const isNewest = place.offset === undefined && place.time === undefined;
  const base = useQuery({
    queryKey: ["messages", topic, "page", place, decoding],
    queryFn: ({ signal }) => readMessages(topic, { ...place, ...decoding }, signal),
    placeholderData: keepPreviousData,
    staleTime: 0,
    gcTime: 0,
  });
  const [messages, setMessages] = useState<readonly Message[] | undefined>(undefined);
  const [atEnd, setAtEnd] = useState({ older: false, newer: false });
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>(null);
  const away = useRef(new AbortController());

  useEffect(() => {
    if (base.data === undefined || base.isPlaceholderData) return;
    away.current = new AbortController();
    const found = base.data.messages;
    setMessages(found);
    setFailure(null);
    setAtEnd({ older: isNewest && found.length < PAGE, newer: !isNewest && found.length < PAGE });
    return () => away.current.abort();
  }, [base.data, base.isPlaceholderData, isNewest]);

  /** Reads on before or after what is shown, in one partition. */
  const more = useCallback(
    async (direction: "older" | "newer", partition: number) => {
      const edge = edgeOf(messages ?? [], direction, isNewest);
      const query = direction === "older" ? { partition, before: edge ?? 0 } : { partition, offset: (edge ?? -1) + 1 };
      setBusy(true);
      try {
        const { messages: found } = await readMessages(topic, { ...query, ...decoding }, away.current.signal);
        setFailure(null);
        // What is before comes newest first, what is after in the log's order.
        const isTurned = isNewest === (direction === "newer");
        const ordered = isTurned ? found.toReversed() : found;
        setMessages((known = []) => {
          const isOnTop = isNewest === (direction === "newer");
          return isOnTop ? [...ordered, ...known].slice(0, MOST) : [...known, ...ordered].slice(-MOST);
        });
        if (found.length < PAGE) setAtEnd((before) => ({ ...before, [direction]: true }));
      } catch (error) {
        if (!away.current.signal.aborted) setFailure(error);
      } finally {
        setBusy(false);
      }
    },
    [messages, topic, decoding, isNewest],
  );

  useEffect(() => {
    if (!tail || !isNewest) return;
    const stopped = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      try {
        const query = { partition: place.partition, ...decoding, limit: 200 };
        const { messages: found } = await readMessages(topic, query, stopped.signal);
        setMessages((known = []) => withNewest(known, found));
        setFailure(null);
      } catch (error) {
        if (stopped.signal.aborted) return;
        setFailure(error);
      }
      // The next is read a second after this one came, so that a slow broker is not pressed.
      timer = setTimeout(() => void read(), TAIL_MS);
    };
    void read();
    return () => {
      stopped.abort();
      clearTimeout(timer);
    };
  }, [tail, isNewest, topic, place.partition, decoding]);

  return { base, messages, isNewest, atEnd, busy, failure, more };
}

function edgeOf(messages: readonly Message[], direction: "older" | "newer", isNewest: boolean): number | undefined {
  return (direction === "older") === isNewest ? messages.at(-1)?.offset : messages[0]?.offset;
}
