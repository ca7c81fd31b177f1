import type { CurvesSearch } from "@/pages/results/CurvesPanel";

/** What of a deployment is shown, and how: all of it is in the address. */
export interface TrainingSearch extends CurvesSearch {
  tab?: string | undefined;
  /** Which value of a curve is compared: the best, the last, or the one at an epoch. */
  by?: string | undefined;
  at?: string | undefined;
  sort?: string | undefined;
  /** Results that are not drawn. */
  hide?: string | undefined;
  /** Results that are compared; all of them if not given. */
  only?: string | undefined;
}

/** Without what is not set, so that it does not show in the address. */
export function kept<T extends object>(search: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** Ids in an address, such as `1,2`. */
export function idsIn(text: string | undefined): ReadonlySet<number> {
  return new Set(
    (text ?? "")
      .split(",")
      .filter((part) => /^\d+$/.test(part))
      .map(Number),
  );
}

/** Ids as an address has them; nothing where there is none. */
export function textOfIds(ids: ReadonlySet<number>): string | undefined {
  return ids.size === 0 ? undefined : [...ids].sort((a, b) => a - b).join(",");
}

/** Ids with one more or one less. */
export function toggled(ids: ReadonlySet<number>, id: number): ReadonlySet<number> {
  const next = new Set(ids);
  if (!next.delete(id)) next.add(id);
  return next;
}
