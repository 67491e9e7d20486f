// @vitest-environment happy-dom
import { useState, type ReactNode } from "react";
import { expect, test } from "vitest";

import { FormFields } from "../../src/app/form_fields.tsx";
import { collected, draftsOf, type Errors } from "../../src/app/form_values.ts";
import type { FieldKind, FormField } from "../../src/client/index.ts";
import { field } from "./flows.ts";
import { button, byTestId, click, FakeHub, find, get, input, show, type } from "./page.tsx";

let values: unknown;

function Form(props: { fields: readonly FormField[]; errors?: Errors }): ReactNode {
  const [drafts, setDrafts] = useState(() => draftsOf(props.fields));
  values = collected(props.fields, drafts).values;
  return (
    <FormFields
      fields={props.fields}
      drafts={drafts}
      errors={props.errors ?? {}}
      onChange={setDrafts}
      autoFocus
    />
  );
}

async function open(fields: readonly FormField[], errors?: Errors): Promise<void> {
  await show(new FakeHub(), <Form fields={fields} {...(errors ? { errors } : {})} />);
}

test("labels carry units and marks, and inputs their help and errors", async () => {
  const wait = field({
    name: "wait",
    type: "float",
    label: "Wait",
    unit: "s",
    help: "How long.",
    required: true,
  });
  await open([wait], { wait: "Enter a number." });
  const element = input("Wait (s)");
  expect(element.required).toBe(true);
  expect(get("label").hasAttribute("data-required")).toBe(true);
  expect(element.getAttribute("aria-invalid")).toBe("true");
  const described = (element.getAttribute("aria-describedby") ?? "").split(" ");
  expect(described.map((id) => document.getElementById(id)?.textContent)).toEqual([
    "Enter a number.",
    "How long.",
  ]);
});

test("a choice without a default may be none; one with a default begins there", async () => {
  const options = [
    { value: "tcp", label: "TCP" },
    { value: "udp", label: "UDP" },
  ];
  const free = field({ name: "free", type: "select", options, label: "Free" } as never);
  const usual = field({
    name: "usual",
    type: "select",
    options,
    label: "Usual",
    default: "tcp",
  } as never);
  await open([free, usual]);
  expect(input("Free").value).toBe("");
  expect(input("Usual").value).toBe("tcp");
  await type(input("Free"), "udp");
  await type(input("Usual"), "udp");
  expect(values).toEqual({ free: "udp", usual: "udp" });
  await type(input("Free"), "");
  await type(input("Usual"), "tcp");
  expect(values).toEqual({});
});

test("a secret is hidden until it is asked for, and a stored one may stay", async () => {
  await open([
    field({ name: "password", type: "secret", label: "Password", stored: true } as never),
  ]);
  expect(input("Password").type).toBe("password");
  expect(input("Password").autocomplete).toBe("new-password");
  expect(document.body.textContent).toContain("Leave empty to keep it");
  await click(button("Show password"));
  expect(input("Password").type).toBe("text");
  expect(values).toEqual({});
});

test("a default is shown in an empty field, and not taken for what was given", async () => {
  await open([field({ name: "port", type: "integer", label: "Port", default: 554 })]);
  expect(input("Port").placeholder).toBe("554");
  expect(input("Port").inputMode).toBe("numeric");
  expect(values).toEqual({});
});

test("a switch is on or off", async () => {
  await open([field({ name: "tls", type: "boolean", label: "HTTPS", default: false })]);
  await click(input("HTTPS"));
  expect(values).toEqual({ tls: true });
});

test("items are added, filled in and taken away", async () => {
  const stream: FieldKind = {
    type: "object",
    fields: [field({ name: "url", type: "url", label: "Address", required: true })],
  };
  await open([
    field({ name: "urls", type: "list", label: "Streams", item: stream, max_length: 2 } as never),
  ]);
  await click(button("Add to Streams"));
  expect(document.activeElement).toBe(input("Address"));
  await type(input("Address"), "rtsp://192.0.2.1/a");
  await click(button("Add to Streams"));
  expect(button("Add to Streams").disabled).toBe(true);
  expect(values).toEqual({ urls: [{ url: "rtsp://192.0.2.1/a" }] });
  await click(button("Remove entry 1"));
  expect(document.activeElement).toBe(button("Add to Streams"));
  expect(input("Address").value).toBe("");
});

test("an error of an item is shown in it, and unfolds what it is in", async () => {
  const inner: FieldKind = { type: "object", fields: [field({ name: "role", label: "Role" })] };
  const urls = {
    ...field({
      name: "urls",
      type: "list",
      label: "Streams",
      advanced: true,
      item: inner,
    } as never),
    value: [{ role: "x y" }],
  };
  await open([field({ name: "host", label: "Host" }), urls as FormField], {
    "urls[0].role": "a short word",
  });
  expect(byTestId("error-urls[0].role").textContent).toBe("a short word");
  expect(get("details").hasAttribute("open")).toBe(true);
});

test("special cases are folded away, except what must be filled in", async () => {
  await open([
    field({ name: "a", label: "Plain" }),
    field({ name: "b", label: "Rare", advanced: true }),
    field({ name: "c", label: "Needed", advanced: true, required: true }),
  ]);
  expect(input("Rare").closest("details")).not.toBeNull();
  expect(input("Needed").closest("details")).toBeNull();
  expect(find("details[open]")).toBeNull();
});

test("several of some options are chosen, in their order, and all or none at once", async () => {
  const options = ["1", "2", "3", "4"].map((value) => ({ value, label: `Camera ${value}` }));
  const channels = field({
    name: "channels",
    type: "choices",
    options,
    label: "Cameras",
    value: ["3", "1"],
    required: true,
  } as never);
  await open([channels]);
  expect(values).toEqual({ channels: ["1", "3"] });
  await click(input("Camera 2"));
  expect(values).toEqual({ channels: ["1", "2", "3"] });
  await click(input("Camera 1"));
  expect(values).toEqual({ channels: ["2", "3"] });
  await click(button("Select all"));
  expect(values).toEqual({ channels: ["1", "2", "3", "4"] });
  await click(button("Select none"));
  expect(values).toEqual({});
});
