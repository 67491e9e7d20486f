// @vitest-environment happy-dom
import { act } from "react";
import { expect, test, vi } from "vitest";

import { FoundDevices } from "../../src/app/found_devices.tsx";
import type { Device } from "../../src/client/index.ts";
import { flow } from "./flows.ts";
import { device, status } from "./found.ts";
import {
  button, byTestId, click, FakeHub, find, hasButton, input, Refusal, show, submit, type,
} from "./page.tsx";

async function open(devices: readonly Device[], onOpen = vi.fn()): Promise<FakeHub> {
  const fake = new FakeHub();
  await fake.connect();
  await show(fake, <FoundDevices onOpen={onOpen} />);
  await fake.tell("discovery/subscribe", { kind: "snapshot", devices, status: status() });
  return fake;
}

const OTHER = device({ id: "d2", host: "192.0.2.45", manufacturer: "Globex", model: "G2" });

test("a device is shown by brand, model, address and what speaks for it", async () => {
  await open([device()]);
  const text = byTestId("device-d1").textContent;
  for (const told of ["Acme A1", "192.0.2.44", "Hall", "certain", "SADP", "A1-0001"]) {
    expect(text).toContain(told);
  }
});

test("what is open to anyone is shown as a picture, and what is not stays a symbol", async () => {
  await open([device({ snapshot: true }), OTHER]);
  const picture = byTestId("device-d1").querySelector("img");
  expect(picture?.src).toContain("/api/discovery/d1/snapshot.jpg");
  expect(byTestId("device-d2").querySelector("img")).toBeNull();
});

test("a device is added by the flow that the hub answers with", async () => {
  const onOpen = vi.fn();
  const fake = await open([device()], onOpen);
  fake.on("discovery/adopt", () => ({ flow: flow({ id: "f9", source: "discovery" }) }));
  await click(button("Add: Acme A1"));
  expect(fake.sent("discovery/adopt")).toMatchObject([{ device_id: "d1" }]);
  expect(onOpen).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ id: "f9" }));
});

test("a device that cannot be added says why and stays", async () => {
  const fake = await open([device()]);
  fake.on("discovery/adopt", () => {
    throw new Refusal("VALIDATION_ERROR", "This device is in use already.");
  });
  await click(button("Add: Acme A1"));
  expect(document.body.textContent).toContain("Acme A1: This device is in use already.");
  expect(byTestId("device-d1")).toBeTruthy();
});

test("an ignored device leaves the list, and can be offered again", async () => {
  const fake = await open([device()]);
  await click(button("Ignore: Acme A1"));
  expect(fake.sent("discovery/ignore")).toMatchObject([{ device_id: "d1" }]);
  await fake.tell("discovery/subscribe", { kind: "device", device: device({ state: "ignored" }) });
  expect(hasButton("Add: Acme A1")).toBe(false);
  expect(byTestId("ignored-devices").textContent).toContain("Ignored (1)");
  await click(button("Offer again: Acme A1"));
  expect(fake.sent("discovery/unignore")).toMatchObject([{ device_id: "d1" }]);
});

test("what was ignored by mistake is offered again at once", async () => {
  const fake = await open([device()]);
  await click(button("Ignore: Acme A1"));
  expect(byTestId("toast").textContent).toContain("Acme A1 is ignored");
  await click(button("Undo"));
  expect(fake.sent("discovery/unignore")).toMatchObject([{ device_id: "d1" }]);
});

test("another integration that knows the device can be chosen", async () => {
  const candidates = [
    { integration: "acme", name: "Acme", confidence: 0.9 },
    { integration: "onvif", name: "ONVIF", confidence: 0.5 },
  ];
  const fake = await open([device({ candidates })]);
  fake.on("discovery/adopt", () => ({ flow: flow({ id: "f9", source: "discovery" }) }));
  await type(byTestId("integration-of-d1") as HTMLInputElement, "onvif");
  expect(fake.sent("discovery/adopt")).toEqual([]);
  await click(button("Add: Acme A1"));
  expect(fake.sent("discovery/adopt")).toMatchObject([{ device_id: "d1", integration: "onvif" }]);
});

test("of a device that no integration knows, one is chosen before it is added", async () => {
  const fake = new FakeHub().on("integrations/list", () => ({
    integrations: [{ domain: "rtsp", name: "RTSP", version: "1", plugin: "rtsp" }],
  }));
  await fake.connect();
  await show(fake, <FoundDevices onOpen={vi.fn()} />);
  const unknown = device({ integration: null, integration_name: null, candidates: [] });
  await fake.tell("discovery/subscribe", {
    kind: "snapshot",
    devices: [unknown],
    status: status(),
  });
  expect(button("Add: Acme A1").disabled).toBe(true);
  await type(byTestId("integration-of-d1") as HTMLInputElement, "rtsp");
  expect(button("Add: Acme A1").disabled).toBe(false);
});

test("a hub that tells of no devices still shows the flows that add them", async () => {
  const fake = new FakeHub().on("discovery/subscribe", () => {
    throw new Refusal("FORBIDDEN");
  });
  await fake.connect();
  const onOpen = vi.fn();
  const discovered = { name: "Acme A1", host: "192.0.2.44", port: 80, properties: {} };
  const found = flow({ id: "f1", source: "discovery", title: "Acme A1", discovered });
  await fake.tell("flows/subscribe", { kind: "snapshot", flows: [found] });
  await show(fake, <FoundDevices onOpen={onOpen} />);
  await vi.waitFor(() => expect(byTestId("inbox-f1").textContent).toContain("192.0.2.44"));
  await click(button("Add: Acme A1"));
  expect(onOpen).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ id: "f1" }));
  await click(button("Ignore: Acme A1"));
  expect(fake.sent("flows/cancel")).toMatchObject([{ flow_id: "f1" }]);
});

test("which device was where is asked for when somebody wants to know", async () => {
  const fake = await open([]);
  const addresses = [
    { host: "192.0.2.44", first_seen: 2, last_seen: 3 },
    { host: "192.0.2.7", first_seen: 1, last_seen: 2 },
  ];
  fake.on("discovery/history", () => ({
    devices: [device({ state: "configured", present: false, addresses })],
  }));
  expect(fake.sent("discovery/history")).toEqual([]);
  const details = byTestId("device-history").parentElement as HTMLDetailsElement;
  await act(async () => {
    details.open = true;
    details.dispatchEvent(new Event("toggle"));
  });
  await vi.waitFor(() => expect(byTestId("remembered-d1").textContent).toContain("192.0.2.7"));
  expect(byTestId("remembered-d1").textContent).toContain("in use");
});

test("devices come, change and go while one looks", async () => {
  const fake = await open([]);
  expect(document.body.textContent).toContain("Nothing at the moment");
  await fake.tell("discovery/subscribe", { kind: "device", device: device() });
  expect(byTestId("device-d1")).toBeTruthy();
  await fake.tell("discovery/subscribe", { kind: "device", device: device({ present: false }) });
  expect(byTestId("device-d1").textContent).toContain("gone");
  await fake.tell("discovery/subscribe", { kind: "removed", id: "d1" });
  expect(find('[data-testid="device-d1"]')).toBeNull();
});

test("several are added with one password, and those that fail say why", async () => {
  const fake = await open([device(), OTHER]);
  fake.on("discovery/adopt_many", () => ({
    results: [
      { device_id: "d1", entry_id: "e1", flow_id: null, error: null },
      {
        device_id: "d2",
        entry_id: null,
        flow_id: "f2",
        error: { code: "AUTH_FAILED", message: "The device refuses the password." },
      },
    ],
  }));
  for (const one of ["Choose Acme A1", "Choose Globex G2"]) {
    await click(find(`[aria-label="${one}"]`) as HTMLElement);
  }
  await type(input("Password"), "camera-secret");
  await submit();
  expect(fake.sent("discovery/adopt_many")).toMatchObject([
    { device_ids: ["d1", "d2"], username: "admin", password: "camera-secret" },
  ]);
  await vi.waitFor(() =>
    expect(byTestId("adopt-many-result").textContent).toBe(
      "1 added. Globex G2: The device refuses the password.",
    ),
  );
  // What was added has left; the other can be tried again, and what came of both is still told.
  await fake.tell("discovery/subscribe", {
    kind: "device",
    device: device({ state: "configured", entry_id: "e1" }),
  });
  expect(byTestId("adopt-many-result").textContent).toContain("1 added.");
  await type(input("Password"), "the-right-one");
  await submit();
  expect(fake.sent("discovery/adopt_many")[1]).toMatchObject({ device_ids: ["d2"] });
});

test("looking again asks the network, and says what cannot be asked", async () => {
  const fake = await open([]);
  await click(byTestId("discovery-refresh"));
  expect(fake.sent("discovery/refresh")).toHaveLength(1);
  const methods = [
    { name: "sadp", listening: false, problem: "in use", reports: 0, rejected: 0 },
  ];
  await fake.tell("discovery/subscribe", { kind: "status", status: status({ methods }) });
  expect(document.body.textContent).toContain("SADP cannot be used: in use");
});

test("a device without a password, and one that was elsewhere, say so", async () => {
  const addresses = [
    { host: "192.0.2.44", first_seen: 2, last_seen: 3 },
    { host: "192.0.2.7", first_seen: 1, last_seen: 2 },
  ];
  await open([device({ details: { activated: "no" }, addresses })]);
  expect(byTestId("device-d1").textContent).toContain("no password yet");
  expect(byTestId("device-d1").textContent).toContain("Was at 192.0.2.7");
});

test("more devices than the hub adds at once are added in turns", async () => {
  const fake = await open([]);
  fake.on("discovery/adopt_many", (command) => ({
    results: (command["device_ids"] as string[]).map((id) => ({
      device_id: id, entry_id: id, flow_id: null, error: null,
    })),
  }));
  const ids = Array.from({ length: 70 }, (_, index) => `d${index}`);
  const results = await fake.hub.commands.adoptDevices(ids, "admin", "camera-secret");
  expect(results.map(({ device_id }) => device_id)).toEqual(ids);
  const sent = fake.sent("discovery/adopt_many").map((one) => one["device_ids"] as string[]);
  expect(sent.map(({ length }) => length)).toEqual([64, 6]);
});
