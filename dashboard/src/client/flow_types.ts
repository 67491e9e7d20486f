/** The JSON of flows: what leads a person through adding, logging in to and changing devices. */

import type { FieldError, Reason } from "./types.ts";

/** What every field of a form has, also one within an object or the item of a list. */
interface FieldBase {
  readonly name: string;
  readonly required: boolean;
  /** English, as are `help` and `placeholder`. */
  readonly label: string;
  readonly help: string | null;
  /** Symbol of the value's unit: "s", "kbit/s". */
  readonly unit: string | null;
  readonly placeholder: string | null;
  /** Folded away until it is asked for. */
  readonly advanced: boolean;
}

/** A value as the hub serves it and takes it. */
export type FieldValue =
  string | number | boolean | readonly FieldValue[] | { readonly [name: string]: FieldValue };

interface Valued {
  /** What holds if nothing is given; null: nothing does. */
  readonly default?: FieldValue | null;
  /** What holds now; null: nothing was given. */
  readonly value?: FieldValue | null;
}

interface Bounds {
  readonly min?: number;
  readonly max?: number;
}

/** In characters, or items of a list. */
interface Lengths {
  readonly min_length?: number;
  readonly max_length?: number;
}

export interface FieldOption {
  readonly value: string | number;
  readonly label: string;
}

/** What a field holds, without what only a named one has: the item of a list. */
export type FieldKind =
  | ({ readonly type: "string" | "host" } & Lengths)
  | ({ readonly type: "url"; readonly schemes?: readonly string[] } & Lengths)
  | ({ readonly type: "integer" | "float" } & Bounds)
  | { readonly type: "boolean" }
  | { readonly type: "select"; readonly options: readonly FieldOption[] }
  /** Several of the options, at least one. */
  | { readonly type: "choices"; readonly options: readonly FieldOption[] }
  /** Never served; `stored` says that one is kept, and that it stays if none is given. */
  | { readonly type: "secret"; readonly stored?: boolean }
  | ({ readonly type: "list"; readonly item: FieldKind } & Lengths)
  | { readonly type: "object"; readonly fields: readonly FormField[] };

export type FormField = FieldBase & Valued & FieldKind;

export interface FormPage {
  readonly kind: "form";
  /** Stable name; an integration's own steps have names of their own. */
  readonly step: string;
  readonly title: string;
  readonly text: string;
  /** Why the last attempt failed. */
  readonly error: Reason | null;
  readonly errors: readonly FieldError[];
  readonly fields: readonly FormField[];
}

export interface MenuPage {
  readonly kind: "menu";
  readonly step: string;
  readonly title: string;
  readonly text: string;
  readonly options: readonly { readonly value: string; readonly label: string }[];
}

export interface ProgressPage {
  readonly kind: "progress";
  readonly text: string;
  /** 0 to 100; null: not known. */
  readonly percent: number | null;
}

export interface DonePage {
  readonly kind: "done";
  readonly entry_id: string;
  readonly text: string;
}

export interface AbortPage {
  readonly kind: "abort";
  /** Stable; an integration may have its own. */
  readonly reason: string;
  readonly message: string;
  /** The entry it has to do with. */
  readonly entry_id: string | null;
}

export type FlowPage = FormPage | MenuPage | ProgressPage | DonePage | AbortPage;

export type FlowSource = "user" | "discovery" | "reauth" | "reconfigure" | "options";

export interface Flow {
  readonly id: string;
  /** The integration's domain. */
  readonly integration: string;
  readonly integration_name: string;
  readonly source: FlowSource;
  readonly entry_id: string | null;
  readonly title: string;
  readonly discovered: {
    readonly name: string;
    readonly host: string;
    readonly port: number | null;
    readonly properties: Readonly<Record<string, unknown>>;
  } | null;
  /** Seconds since the epoch on the hub's clock. */
  readonly started: number;
  /** 0: it does not. */
  readonly expires: number;
  readonly page: FlowPage;
}

export type FlowsEvent =
  | { readonly kind: "snapshot"; readonly flows: readonly Flow[] }
  | { readonly kind: "flow"; readonly flow: Flow };
