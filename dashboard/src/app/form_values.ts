/** What a person fills into a form that the hub describes, and what is sent of it. Pure. */

import type { FieldError, FieldKind, FieldValue, FormField } from "../client/index.ts";

/** As inputs hold it: numbers are text while they are typed. */
export type Draft = string | boolean | readonly Draft[] | { readonly [name: string]: Draft };

export type Drafts = { readonly [name: string]: Draft };

/** Errors by the path of their field, such as `urls[0].role`. */
export type Errors = Readonly<Record<string, string>>;

export type Fault =
  "required" | "number" | "whole" | { readonly min: number } | { readonly max: number };

export function isFields(draft: Draft | undefined): draft is Drafts {
  return typeof draft === "object" && !Array.isArray(draft);
}

export function isItems(draft: Draft | undefined): draft is readonly Draft[] {
  return Array.isArray(draft);
}

/** What inputs show at first: what is given now. Defaults are shown, but not taken for given. */
export function draftsOf(fields: readonly FormField[]): Drafts {
  return Object.fromEntries(fields.map((field) => [field.name, draftOf(field, given(field))]));
}

function given(field: FormField): FieldValue | undefined {
  const value = field.value ?? undefined;
  const shown = field.type === "boolean" || field.type === "select";
  return value ?? (shown ? (field.default ?? undefined) : undefined);
}

/** The draft of one value, or an empty one. */
export function draftOf(kind: FieldKind, value?: FieldValue): Draft {
  switch (kind.type) {
    case "boolean":
      return value === true;
    case "list":
      return Array.isArray(value) ? value.map((item: FieldValue) => draftOf(kind.item, item)) : [];
    case "choices":
      return Array.isArray(value) ? value.map(String) : [];
    case "object": {
      const held = isMapping(value) ? value : {};
      return Object.fromEntries(
        kind.fields.map((field) => [field.name, draftOf(field, held[field.name] ?? given(field))]),
      );
    }
    case "secret":
      return "";
    default:
      return value === undefined || typeof value === "object" ? "" : String(value);
  }
}

function isMapping(
  value: FieldValue | undefined,
): value is { readonly [name: string]: FieldValue } {
  return typeof value === "object" && !Array.isArray(value);
}

/**
 * What a form shows when the hub asks again. Its values have been put in order, so they replace what
 * was typed; but secrets are never served, nor what is not valid and may hold one.
 */
export function askedAgain(
  fields: readonly FormField[],
  before: Drafts,
  errors: readonly FieldError[],
): Drafts {
  const served = draftsOf(fields);
  const kept = fields.filter((field) => {
    if (field.type === "secret") return true;
    const wrong = errors.some(({ key }) => topOf(key) === field.name);
    return wrong && (field.value ?? null) === null;
  });
  const typed = kept.flatMap(({ name }) => {
    const draft = before[name];
    return draft === undefined ? [] : [[name, draft] as const];
  });
  return { ...served, ...Object.fromEntries(typed) };
}

function topOf(key: string): string {
  return key.split(/[.[]/, 1)[0] ?? key;
}

/** What is sent: only what is given, in the types that the fields have; and what is wrong with it. */
export function collected(
  fields: readonly FormField[],
  drafts: Drafts,
  prefix = "",
): {
  readonly values: Readonly<Record<string, FieldValue>>;
  readonly faults: ReadonlyMap<string, Fault>;
} {
  const values: Record<string, FieldValue> = {};
  const faults = new Map<string, Fault>();
  for (const field of fields) {
    const path = prefix + field.name;
    const value = valueOf(field, drafts[field.name], path, faults);
    if (value === undefined) {
      const kept = field.type === "secret" && field.stored === true;
      if (field.required && !kept && !faults.has(path)) faults.set(path, "required");
    } else if (!isAssumed(field, value)) {
      values[field.name] = value;
    }
  }
  return { values, faults };
}

/** What holds anyway need not be given; then it follows when the default changes. */
function isAssumed(field: FormField, value: FieldValue): boolean {
  if (field.type !== "boolean" && field.type !== "select") return false;
  if (field.required || (field.value ?? null) !== null) return false;
  return value === (field.default ?? false);
}

function valueOf(
  kind: FieldKind,
  draft: Draft | undefined,
  path: string,
  faults: Map<string, Fault>,
): FieldValue | undefined {
  switch (kind.type) {
    case "boolean":
      return draft === true;
    case "integer":
    case "float":
      return numberOf(kind, draft, path, faults);
    case "select":
      return kind.options.find((option) => String(option.value) === draft)?.value;
    case "list":
      return itemsOf(kind.item, draft, path, faults);
    case "choices": {
      const chosen = isItems(draft) ? draft : [];
      const values = kind.options.map(({ value }) => value).filter((one) => chosen.includes(String(one)));
      return values.length > 0 ? values : undefined;
    }
    case "object": {
      if (!isFields(draft) || isEmpty(kind, draft)) return undefined;
      const inner = collected(kind.fields, draft, `${path}.`);
      for (const [key, fault] of inner.faults) faults.set(key, fault);
      return inner.values;
    }
    case "secret":
      // Spaces may belong to it.
      return typeof draft === "string" && draft !== "" ? draft : undefined;
    default: {
      const text = typeof draft === "string" ? draft.trim() : "";
      return text === "" ? undefined : text;
    }
  }
}

function numberOf(
  kind: FieldKind & { type: "integer" | "float" },
  draft: Draft | undefined,
  path: string,
  faults: Map<string, Fault>,
): number | undefined {
  const text = typeof draft === "string" ? draft.trim() : "";
  if (text === "") return undefined;
  // Many people write decimals with a comma.
  const number = Number(text.replace(",", "."));
  if (!Number.isFinite(number)) faults.set(path, "number");
  else if (kind.type === "integer" && !Number.isSafeInteger(number)) faults.set(path, "whole");
  else if (kind.min !== undefined && number < kind.min) faults.set(path, { min: kind.min });
  else if (kind.max !== undefined && number > kind.max) faults.set(path, { max: kind.max });
  else return number;
  return undefined;
}

function itemsOf(
  item: FieldKind,
  draft: Draft | undefined,
  path: string,
  faults: Map<string, Fault>,
): FieldValue | undefined {
  if (!isItems(draft)) return undefined;
  const values: FieldValue[] = [];
  draft.forEach((one, index) => {
    const place = `${path}[${index}]`;
    const value = isEmpty(item, one) ? undefined : valueOf(item, one, place, faults);
    // Dropping it would give those after it other numbers than their errors have.
    if (value !== undefined) values.push(value);
    else if (!faults.has(place)) faults.set(place, "required");
  });
  return values.length > 0 ? values : undefined;
}

/** Whether nothing was filled in that was not there at first. */
function isEmpty(kind: FieldKind, draft: Draft): boolean {
  return JSON.stringify(draft) === JSON.stringify(draftOf(kind)) && kind.type !== "boolean";
}

/** What was said of fields that the form shows, and what is left for the top of it. */
export function placed(
  fields: readonly FormField[],
  errors: readonly FieldError[],
  text: (error: FieldError) => string,
): { readonly fields: Errors; readonly others: readonly string[] } {
  const found: Record<string, string> = {};
  const others: string[] = [];
  for (const error of errors) {
    const path = placeOf(fields, error.key);
    if (path === undefined) others.push(`${error.key}: ${text(error)}`);
    else found[path] = found[path] ? `${found[path]} ${text(error)}` : text(error);
  }
  return { fields: found, others };
}

/** The longest part of the key that belongs to something the form shows. */
function placeOf(fields: readonly FormField[], key: string): string | undefined {
  const field = fields.find(({ name }) => name === topOf(key));
  if (!field) return undefined;
  const rest = key.slice(field.name.length);
  return field.name + insideOf(field, rest);
}

function insideOf(kind: FieldKind, rest: string): string {
  if (kind.type === "object" && rest.startsWith(".")) {
    const inner = placeOf(kind.fields, rest.slice(1));
    return inner === undefined ? "" : `.${inner}`;
  }
  const index = /^\[\d+\]/.exec(rest)?.[0];
  if (kind.type === "list" && index) return index + insideOf(kind.item, rest.slice(index.length));
  return "";
}
