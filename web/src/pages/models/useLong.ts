import { useEffect, useState } from "react";

const LONG_MS = 4000;

/** Whether something has been waited for longer than usual; null while nothing is. */
export function useLong(what: string | null): boolean {
  const [long, setLong] = useState<string | null>(null);
  useEffect(() => {
    if (what === null) return;
    const timer = setTimeout(() => setLong(what), LONG_MS);
    return () => {
      clearTimeout(timer);
      setLong(null);
    };
  }, [what]);
  return what !== null && long === what;
}
