import { useNavigate } from "@tanstack/react-router";
import { useEffect, useEffectEvent } from "react";
import { PLACES } from "./navigation";

const TOGETHER_MS = 1200;

/** `g` and a letter go to a page, `/` to the page's search field, `?` to what the keys are. */
export function useShortcuts(onHelp: () => void): void {
  const navigate = useNavigate();
  const go = useEffectEvent((key: string) => {
    const place = PLACES.flat().find((candidate) => candidate.key === key);
    if (place !== undefined) void navigate({ to: place.to });
  });
  const help = useEffectEvent(onHelp);

  useEffect(() => {
    let leader = Number.NEGATIVE_INFINITY;
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.timeStamp - leader < TOGETHER_MS) {
        leader = Number.NEGATIVE_INFINITY;
        go(event.key);
      } else if (event.key === "g") {
        leader = event.timeStamp;
      } else if (event.key === "?") {
        help();
      } else if (event.key === "/") {
        const field = document.querySelector<HTMLInputElement>("main input[type=search]");
        if (field !== null) {
          event.preventDefault();
          field.focus();
        }
      }
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
