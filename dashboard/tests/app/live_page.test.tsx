// @vitest-environment happy-dom
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { LivePage } from "../../src/app/live_page.tsx";
import type { Camera, Flow, Role } from "../../src/client/index.ts";
import { camera } from "./cameras.ts";
import { field, flow, form } from "./flows.ts";
import { device, status } from "./found.ts";
import {
  button,
  byTestId,
  click,
  FakeHub,
  find,
  get,
  hasButton,
  input,
  show,
  submit,
  type,
} from "./page.tsx";

const ACME = {
  domain: "acme",
  name: "Acme",
  version: "1",
  plugin: "acme",
  source: "folder",
  options: false,
};
// Without streams, so that no player wants a browser that decodes.
const FRONT = camera({ profiles: [], integration: "acme" });
const YARD = camera({
  id: "yard",
  name: "Yard",
  profiles: [],
  entry: { ...FRONT.entry, id: "e2" },
});
const LOGIN = form({
  step: "reauth",
  title: "Log in again",
  fields: [field({ name: "password", type: "secret", label: "Password", required: true } as never)],
});

let fake: FakeHub;

beforeEach(() => {
  document.head.innerHTML = "<style>.area { padding: 0 }</style>";
  // The stand-in has no layout, and the grid shows nothing where there is no room.
  vi.spyOn(HTMLElement.prototype, "offsetWidth", "get").mockReturnValue(1200);
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(1200);
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(800);
});

afterEach(() => {
  vi.restoreAllMocks();
  location.hash = "";
});

async function open(cameras: readonly Camera[], role: Role = "admin"): Promise<void> {
  fake = new FakeHub(role).on("integrations/list", () => ({ integrations: [ACME] }));
  await fake.connect(cameras);
  await show(fake, <LivePage onLogOut={vi.fn()} />);
}

async function tellFlow(change: Partial<Flow>): Promise<void> {
  await fake.tell("flows/subscribe", { kind: "flow", flow: flow(change) });
}

test.each([
  ["the first", []],
  ["another", [FRONT]],
])("%s camera that was added appears, is announced and takes the focus", async (_, there) => {
  await open(there);
  fake.on("flows/start", () => ({ flow: flow() }));
  fake.on("flows/submit", () => ({
    flow: flow({ page: { kind: "done", entry_id: "e2", text: "Yard was added." } }),
  }));
  await click(byTestId("add-camera"));
  await click(byTestId("integration-acme"));
  await type(input("Host"), "192.0.2.7");
  await submit();
  expect(find("dialog")).toBeNull();
  expect(find('[data-testid="toast"]')).toBeNull();
  expect(fake.sent("flows/cancel")).toEqual([]);
  await fake.tell("cameras/subscribe", {
    kind: "changes",
    sequence: 2,
    changed: [YARD],
    removed: [],
  });
  expect(byTestId("toast").textContent).toContain("Yard added");
  await vi.waitFor(() => expect(document.activeElement).toBe(byTestId("tile-yard")));
});

test("a refused log-in is put right from the camera's tile", async () => {
  const entry = { id: "front", name: "Front door", state: "auth_failed", reason: null, next_try: null } as const;
  await open([{ ...FRONT, entry }]);
  const reauth = flow({ id: "r1", source: "reauth", entry_id: "front", page: LOGIN });
  fake.on("flows/start", () => ({ flow: reauth }));
  fake.on("flows/submit", () => ({
    flow: { ...reauth, page: { kind: "done", entry_id: "front", text: "Front door was changed." } },
  }));
  await click(byTestId("log-in-front"));
  expect(fake.sent("flows/start")).toMatchObject([
    { integration: "acme", source: "reauth", entry_id: "front" },
  ]);
  expect(get("dialog h2").textContent).toBe("Front door");
  await type(input("Password"), "right");
  await submit();
  expect(fake.sent("flows/submit")).toMatchObject([
    { flow_id: "r1", values: { password: "right" } },
  ]);
  expect(find("dialog")).toBeNull();
  expect(byTestId("toast").textContent).toContain("Front door saved");
});

test("a log-in that is put off stays in the inbox, and is not cancelled", async () => {
  await open([FRONT]);
  await tellFlow({ id: "r1", source: "reauth", entry_id: "front", page: LOGIN });
  expect(byTestId("inbox").getAttribute("data-count")).toBe("1");
  expect(byTestId("inbox").getAttribute("aria-label")).toBe("Inbox: 1 entry");
  expect(byTestId("inbox-news").textContent).toBe("Inbox: 1 entry");
  await click(byTestId("inbox"));
  await click(button("Log in again: Front door"));
  expect(byTestId("flow-form")).toBeTruthy();
  await click(button("Close"));
  expect(fake.sent("flows/cancel")).toEqual([]);
  expect(byTestId("inbox").getAttribute("data-count")).toBe("1");
});

test("a log-in begun from the tile and put off is not cancelled, a change is", async () => {
  const entry = { id: "front", name: "Front door", state: "auth_failed", reason: null, next_try: null } as const;
  await open([{ ...FRONT, entry }]);
  fake.on("flows/start", ({ source }) => ({
    flow: flow({
      id: String(source),
      source: source as Flow["source"],
      entry_id: "front",
      page: LOGIN,
    }),
  }));
  await click(byTestId("log-in-front"));
  await click(button("Cancel"));
  expect(fake.sent("flows/cancel")).toEqual([]);
  await click(byTestId("details-front"));
  await click(button("Reconfigure"));
  await click(button("Cancel"));
  expect(fake.sent("flows/cancel")).toMatchObject([{ flow_id: "reconfigure" }]);
});

test("a discovered device is added from the inbox and then shown", async () => {
  await open([FRONT]);
  const discovered = { name: "A1", host: "192.0.2.7", port: null, properties: {} };
  const found = { id: "d1", source: "discovery", discovered, title: "Acme A1" } as const;
  await tellFlow(found);
  fake.on("discovery/adopt", () => ({ flow: fake.hub.flows.get("d1") }));
  await click(byTestId("inbox"));
  const devices = [device({ id: "x1" })];
  await fake.tell("discovery/subscribe", { kind: "snapshot", devices, status: status() });
  await click(button("Add: Acme A1"));
  await tellFlow({ ...found, page: { kind: "done", entry_id: "e2", text: "" } });
  await fake.tell("cameras/subscribe", {
    kind: "changes",
    sequence: 2,
    changed: [YARD],
    removed: [],
  });
  expect(byTestId("toast").textContent).toContain("Yard added");
  await vi.waitFor(() => expect(document.activeElement).toBe(byTestId("tile-yard")));
});

test("closing a dialog gives the focus back", async () => {
  await open([FRONT]);
  byTestId("inbox").focus();
  await click(byTestId("inbox"));
  // A browser does this by itself.
  button("Close").focus();
  await click(button("Close"));
  expect(document.activeElement).toBe(byTestId("inbox"));
});

test("the plugins have a page with an address of its own", async () => {
  await open([FRONT]);
  fake.on("plugins/list", () => ({ plugins: [], quarantined: [] }));
  await click(byTestId("plugins"));
  expect(location.hash).toBe("#/plugins");
  expect(byTestId("plugins-page")).toBeTruthy();
  expect(find('[data-testid="grid"]')).toBeNull();
  await act(async () => {
    location.hash = "";
    window.dispatchEvent(new Event("hashchange"));
  });
  expect(byTestId("grid")).toBeTruthy();
});

test("who may only watch is shown neither inbox nor plugins, and is told of no flows", async () => {
  location.hash = "#/plugins";
  await open([FRONT], "viewer");
  expect(find('[data-testid="inbox"]')).toBeNull();
  expect(hasButton("Add camera")).toBe(false);
  expect(find('[data-testid="plugins-page"]')).toBeNull();
  expect(fake.sent("flows/subscribe")).toEqual([]);
  expect(fake.sent("config/subscribe")).toEqual([]);
});
