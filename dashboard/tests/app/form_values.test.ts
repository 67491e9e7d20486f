import { expect, test } from "vitest";

import { askedAgain, collected, draftsOf, placed } from "../../src/app/form_values.ts";
import type { FieldKind, FormField } from "../../src/client/index.ts";
import { field } from "./flows.ts";

const URL_FIELD = field({ name: "url", type: "url", required: true });
const ROLE = field({ name: "role", default: "main" });
const STREAM: FieldKind = { type: "object", fields: [URL_FIELD, ROLE] };
const URLS = field({ name: "urls", type: "list", item: STREAM } as never);
const TRANSPORT = field({
  name: "transport",
  type: "select",
  default: "tcp",
  options: [
    { value: "tcp", label: "TCP" },
    { value: "udp", label: "UDP" },
  ],
} as never);

function sent(fields: readonly FormField[], change: Record<string, unknown>): unknown {
  return collected(fields, { ...draftsOf(fields), ...change } as never).values;
}

function wrong(fields: readonly FormField[], change: Record<string, unknown>): unknown {
  return Object.fromEntries(collected(fields, { ...draftsOf(fields), ...change } as never).faults);
}

test("what is given now is shown; a default stays the hub's", () => {
  const fields = [
    field({ name: "host", type: "host", value: "192.0.2.1" }),
    field({ name: "port", type: "integer", default: 554 }),
    TRANSPORT,
    field({ name: "tls", type: "boolean", default: true }),
  ];
  expect(draftsOf(fields)).toEqual({ host: "192.0.2.1", port: "", transport: "tcp", tls: true });
  expect(sent(fields, {})).toEqual({ host: "192.0.2.1" });
});

test("a choice is sent when it is not the default, or was made before", () => {
  expect(sent([TRANSPORT], { transport: "udp" })).toEqual({ transport: "udp" });
  expect(sent([{ ...TRANSPORT, value: "udp" } as FormField], { transport: "tcp" })).toEqual({
    transport: "tcp",
  });
  const tls = field({ name: "tls", type: "boolean", default: true });
  expect(sent([tls], { tls: false })).toEqual({ tls: false });
  expect(sent([{ ...tls, value: true }], {})).toEqual({ tls: true });
});

test("a choice keeps the type of its value", () => {
  const channel = field({
    name: "channel",
    type: "select",
    options: [{ value: 2, label: "Two" }],
  } as never);
  expect(sent([channel], { channel: "2" })).toEqual({ channel: 2 });
});

test("numbers are sent as numbers, and refused when they are none", () => {
  const port = field({ name: "port", type: "integer", min: 1, max: 65535 });
  const seconds = field({ name: "wait", type: "float" });
  expect(sent([port, seconds], { port: " 8554 ", wait: "1,5" })).toEqual({ port: 8554, wait: 1.5 });
  expect(wrong([port], { port: "80x" })).toEqual({ port: "number" });
  expect(wrong([port], { port: "1.5" })).toEqual({ port: "whole" });
  expect(wrong([port], { port: "0" })).toEqual({ port: { min: 1 } });
  expect(wrong([port], { port: "70000" })).toEqual({ port: { max: 65535 } });
});

test("what is required must be there, but a stored secret need not be given again", () => {
  const host = field({ name: "host", type: "host", required: true });
  const password = field({ name: "password", type: "secret", required: true } as never);
  expect(wrong([host, password], { host: "  " })).toEqual({
    host: "required",
    password: "required",
  });
  expect(wrong([{ ...password, stored: true } as FormField], {})).toEqual({});
});

test("a secret is sent exactly as it was typed", () => {
  const password = field({ name: "password", type: "secret" } as never);
  expect(sent([password], { password: " p@ss " })).toEqual({ password: " p@ss " });
});

test("lists of objects are sent item by item, with errors at their place", () => {
  const items = [
    { url: "rtsp://192.0.2.1/a", role: "" },
    { url: "", role: "sub" },
  ];
  expect(wrong([URLS], { urls: items })).toEqual({ "urls[1].url": "required" });
  expect(sent([URLS], { urls: [items[0]] })).toEqual({ urls: [{ url: "rtsp://192.0.2.1/a" }] });
  expect(sent([URLS], {})).toEqual({});
  expect(wrong([URLS], { urls: [{ url: "", role: "" }] })).toEqual({ "urls[0]": "required" });
});

test("an object nobody filled in is not sent", () => {
  const advanced = field({ name: "more", type: "object", fields: [URL_FIELD] } as never);
  expect(sent([advanced], {})).toEqual({});
  expect(wrong([advanced], {})).toEqual({});
  expect(wrong([{ ...advanced, required: true }], {})).toEqual({ more: "required" });
});

test("when the hub asks again, its values stand, and what it may not serve stays as typed", () => {
  const fields = [
    field({ name: "url", type: "url", value: "rtsp://192.0.2.1/a" }),
    field({ name: "username", value: "ana" }),
    field({ name: "password", type: "secret", stored: true } as never),
    URLS,
  ];
  const before = {
    url: "rtsp://ana:s3cret@192.0.2.1/a",
    username: "",
    password: "typed",
    urls: [{ url: "x", role: "sub" }],
  };
  const errors = [{ key: "urls[0].url", message: "expected an address" }];
  expect(askedAgain(fields, before, errors)).toEqual({
    url: "rtsp://192.0.2.1/a",
    username: "ana",
    password: "typed",
    urls: [{ url: "x", role: "sub" }],
  });
  expect(askedAgain(fields, before, []).urls).toEqual([]);
});

test("errors go to the innermost field that is shown, and others to the top", () => {
  const errors = [
    { key: "urls[1].url", message: "no such scheme" },
    { key: "urls[0].colour", message: "unknown key" },
    { key: "urls", message: "too many" },
    { key: "colour", message: "unknown key" },
  ];
  expect(placed([URLS], errors, (error) => error.message)).toEqual({
    fields: { "urls[1].url": "no such scheme", "urls[0]": "unknown key", urls: "too many" },
    others: ["colour: unknown key"],
  });
});
