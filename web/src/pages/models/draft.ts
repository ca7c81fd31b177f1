import type { Schemas } from "@/api/client";

/** What of a model can be written. */
export interface Fields {
  name: string;
  description: string;
  code: string;
}

export type FieldName = keyof Fields;
export const FIELDS: readonly FieldName[] = ["name", "description", "code"];

export function fieldsOf({ name, description, code }: Fields): Fields {
  return { name, description, code };
}

/** What of some fields has changed. */
export function changes(before: Fields, after: Fields): Partial<Fields> {
  return Object.fromEntries(FIELDS.filter((name) => before[name] !== after[name]).map((name) => [name, after[name]]));
}

export interface Merged {
  fields: Fields;
  /** What both have changed, and not to the same. The fields hold mine. */
  conflicts: readonly FieldName[];
  /** What only they have changed. */
  taken: readonly FieldName[];
}

/** What I have written and what was saved meanwhile, put together field by field. */
export function merge(base: Fields, mine: Fields, theirs: Fields): Merged {
  const fields = fieldsOf(mine);
  const conflicts: FieldName[] = [];
  const taken: FieldName[] = [];
  for (const name of FIELDS) {
    if (theirs[name] === base[name] || theirs[name] === mine[name]) continue;
    if (mine[name] === base[name]) {
      fields[name] = theirs[name];
      taken.push(name);
    } else {
      conflicts.push(name);
    }
  }
  return { fields, conflicts, taken };
}

/** What is known of some code: from a model's version, or from the validation of a draft. */
export interface Outcome {
  state: Schemas["VersionState"];
  summary: Schemas["ModelSummary"] | null;
  failure: Schemas["Failure"] | null;
}

export type FieldErrors = Partial<Record<FieldName, string>>;

/** What is still wrong once some fields are written anew. */
export function withoutErrors(errors: FieldErrors, change: Partial<Fields>): FieldErrors {
  const rest = Object.entries(errors).filter(([name]) => !(name in change));
  return rest.length === Object.keys(errors).length ? errors : Object.fromEntries(rest);
}
