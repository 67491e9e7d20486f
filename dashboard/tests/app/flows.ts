import type { Flow, FormField, FormPage } from "../../src/client/index.ts";

export function field(change: Partial<FormField> & { name: string }): FormField {
  return {
    type: "string",
    required: false,
    label: change.name,
    help: null,
    unit: null,
    placeholder: null,
    advanced: false,
    default: null,
    value: null,
    ...change,
  } as FormField;
}

export function form(change: Partial<FormPage> = {}): FormPage {
  return {
    kind: "form",
    step: "user",
    title: "Add a device",
    text: "",
    error: null,
    errors: [],
    fields: [field({ name: "host", type: "host", required: true, label: "Host" })],
    ...change,
  };
}

export function flow(change: Partial<Flow> = {}): Flow {
  return {
    id: "f1",
    integration: "acme",
    integration_name: "Acme",
    source: "user",
    entry_id: null,
    title: "Acme",
    discovered: null,
    started: 1_700_000_000,
    expires: 1_700_000_900,
    page: form(),
    ...change,
  };
}
