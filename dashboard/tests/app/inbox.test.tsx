// @vitest-environment happy-dom
import { expect, test, vi } from "vitest";

import { Inbox } from "../../src/app/inbox.tsx";
import { waiting } from "../../src/app/waiting.ts";
import type { Flow } from "../../src/client/index.ts";
import { camera } from "./cameras.ts";
import { flow, form } from "./flows.ts";
import { device } from "./found.ts";
import { button, byTestId, click, FakeHub, find, get, hasButton, press, show } from "./page.tsx";

const FOUND = flow({
  id: "d1",
  source: "discovery",
  title: "Acme A1",
  discovered: { name: "Acme A1", host: "192.0.2.44", port: 80, properties: {} },
  page: form({ step: "discovered" }),
});
const REAUTH = flow({
  id: "r1",
  source: "reauth",
  entry_id: "front",
  started: 1,
  page: form({ step: "reauth" }),
});
const AUTH_FAILED = camera({
  entry: {
    id: "front", name: "Front door",
    state: "auth_failed",
    reason: { code: "AUTH_FAILED", message: "The camera refuses the password." },
    next_try: null,
  },
});

async function open(flows: readonly Flow[], onOpen = vi.fn()): Promise<FakeHub> {
  const fake = new FakeHub();
  await fake.connect([AUTH_FAILED]);
  await fake.tell("flows/subscribe", { kind: "snapshot", flows });
  await show(fake, <Inbox onClose={vi.fn()} onOpen={onOpen} />);
  return fake;
}

test("what waits is what was found and what was refused, the oldest first", () => {
  const all = new Map<string, Flow>();
  const user = flow({ id: "u1" });
  const over = flow({
    ...FOUND,
    id: "d2",
    page: { kind: "abort", reason: "expired", message: "", entry_id: null },
  });
  for (const one of [FOUND, user, over, REAUTH]) all.set(one.id, one);
  expect(waiting(all).map(({ id }) => id)).toEqual(["r1", "d1"]);
});

test("a refused log-in is shown by its camera with the reason, and cannot be ignored", async () => {
  await open([REAUTH]);
  expect(byTestId("inbox-r1").textContent).toContain("Front door");
  expect(byTestId("inbox-r1").textContent).toContain("The camera refuses the password.");
  expect(hasButton("Ignore: Front door")).toBe(false);
  expect(hasButton("Log in again: Front door")).toBe(true);
});

test("the network can be scanned beside what was found", async () => {
  await open([]);
  expect(find('[data-testid="scan-form"]')).toBeNull();
  await click(byTestId("tab-scan"));
  expect(byTestId("scan-form")).toBeTruthy();
  expect(byTestId("tab-scan").getAttribute("aria-selected")).toBe("true");
});

test("by keys, the arrows go from one tab to the other", async () => {
  await open([]);
  await press(byTestId("tab-found"), "ArrowRight");
  expect(byTestId("scan-form")).toBeTruthy();
  expect(document.activeElement).toBe(byTestId("tab-scan"));
  await press(byTestId("tab-scan"), "ArrowLeft");
  expect(find('[data-testid="scan-form"]')).toBeNull();
});

test("a message can be answered while the dialog is open", async () => {
  const fake = await open([]);
  const status = {
    enabled: true, asking: false, last_round: null, next_round: null, interfaces: [], methods: [],
  };
  await fake.tell("discovery/subscribe", { kind: "snapshot", devices: [device()], status });
  await click(button("Ignore: Acme A1"));
  expect(get("dialog").contains(button("Undo"))).toBe(true);
});
