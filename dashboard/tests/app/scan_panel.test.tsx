// @vitest-environment happy-dom
import { expect, test, vi } from "vitest";

import { ScanPanel } from "../../src/app/scan_panel.tsx";
import { flow } from "./flows.ts";
import { device, result, scan, status } from "./found.ts";
import {
  button, byTestId, click, FakeHub, find, input, Refusal, show, submit, type,
} from "./page.tsx";

async function open(onOpen = vi.fn()): Promise<FakeHub> {
  const fake = new FakeHub().on("scan/results", () => ({ results: [] }));
  await fake.connect();
  await show(fake, <ScanPanel onOpen={onOpen} />);
  const devices = [device()];
  await fake.tell("discovery/subscribe", { kind: "snapshot", devices, status: status() });
  await fake.tell("scan/subscribe", { kind: "snapshot", scans: [], scan_id: null, results: [] });
  return fake;
}

test("the own networks are proposed, and scanned", async () => {
  const fake = await open();
  fake.on("scan/start", () => ({ scan: scan() }));
  expect(input("Addresses").value).toBe("192.0.2.0/24");
  await submit();
  expect(fake.sent("scan/start")).toMatchObject([{ ranges: "192.0.2.0/24", profile: "quick" }]);
});

test("what is too large is scanned once it is confirmed", async () => {
  const fake = await open();
  fake.on("scan/start", (command) => {
    if (command["confirmed"]) return { scan: scan() };
    throw new Refusal("SCAN_TOO_LARGE", "These are 65534 addresses.");
  });
  await submit();
  expect(byTestId("scan-confirm").textContent).toContain("65534");
  await click(button("Scan it anyway"));
  expect(fake.sent("scan/start")[1]).toMatchObject({ confirmed: true });
  expect(find('[data-testid="scan-confirm"]')).toBeNull();
});

test("what cannot be scanned says why", async () => {
  const fake = await open();
  fake.on("scan/start", () => {
    throw new Refusal("SCAN_PUBLIC", "8.8.8.8 is a public address.");
  });
  await submit();
  expect(document.body.textContent).toContain("8.8.8.8 is a public address.");
});

test("a scan shows how far it is, and can be paused, resumed and cancelled", async () => {
  const fake = await open();
  await fake.tell("scan/subscribe", { kind: "scan", scan: scan() });
  expect(byTestId("scan-progress").textContent).toContain("100 of 254 addresses");
  expect(byTestId("scan-progress").textContent).toContain("about 2 s left");
  await click(byTestId("scan-pause"));
  expect(fake.sent("scan/pause")).toMatchObject([{ scan_id: "s1" }]);
  await fake.tell("scan/subscribe", { kind: "scan", scan: scan({ state: "paused" }) });
  await click(byTestId("scan-resume"));
  expect(fake.sent("scan/resume")).toHaveLength(1);
  await click(byTestId("scan-cancel"));
  expect(fake.sent("scan/cancel")).toHaveLength(1);
});

test("results come one by one or together, and can be added", async () => {
  const onOpen = vi.fn();
  const fake = await open(onOpen);
  fake.on("discovery/adopt", () => ({ flow: flow({ id: "f9" }) }));
  await fake.tell("scan/subscribe", { kind: "scan", scan: scan() });
  await fake.tell("scan/subscribe", { kind: "result", scan_id: "s1", result: result() });
  const unknown = result({ host: "192.0.2.5", manufacturer: null, evidence: [] });
  await fake.tell("scan/subscribe", { kind: "results", scan_id: "s1", results: [unknown] });
  const rows = [...byTestId("scan-results").querySelectorAll("tbody tr")];
  expect(rows.map((row) => row.textContent)).toEqual([
    expect.stringContaining("192.0.2.5 unknown"),
    expect.stringContaining("192.0.2.44 Acme"),
  ]);
  await click(button("Add: 192.0.2.44"));
  expect(onOpen).toHaveBeenCalledOnce();
});

test("what is new and what is gone since the last scan is marked", async () => {
  const fake = await open();
  fake.on("scan/compare", () => ({
    before: "s0",
    new: ["192.0.2.44"],
    gone: [result({ host: "192.0.2.9" })],
    changed: [{ host: "192.0.2.50", opened: [8000], closed: [23], was: result() }],
  }));
  await fake.tell("scan/subscribe", { kind: "scan", scan: scan() });
  await fake.tell("scan/subscribe", { kind: "result", scan_id: "s1", result: result() });
  const changed = result({ host: "192.0.2.50" });
  await fake.tell("scan/subscribe", { kind: "result", scan_id: "s1", result: changed });
  await fake.tell("scan/subscribe", { kind: "scan", scan: scan({ state: "finished" }) });
  await vi.waitFor(() => expect(byTestId("scan-results").textContent).toContain("new"));
  expect(byTestId("scan-results").textContent).toContain("192.0.2.9");
  expect(byTestId("scan-results").textContent).toContain("gone since the last scan");
  expect(byTestId("scan-results").textContent).toContain("now open: 8000; no longer: 23");
  expect(byTestId("scan-comparison").textContent).toContain("1 new, 1 gone, 1 changed");
});

test("a scan from the cache says how old it is, and can be made anew", async () => {
  const fake = await open();
  const before = scan({ state: "finished" });
  fake.on("scan/start", (command) => ({
    scan: command["force"] ? scan({ id: "s2" }) : { ...before, cached: true, age: 40.2, hits: 1 },
  }));
  fake.on("scan/results", () => ({ results: [result()] }));
  await fake.tell("scan/subscribe", { kind: "scan", scan: before });
  await submit();
  await vi.waitFor(() => expect(byTestId("scan-cached").textContent).toContain("40 s ago"));
  expect(byTestId("scan-results").textContent).toContain("192.0.2.44");
  await click(button("Scan anew"));
  expect(fake.sent("scan/start")[1]).toMatchObject({ force: true });
});

test("an earlier scan can be looked at again", async () => {
  const fake = await open();
  fake.on("scan/results", () => ({ results: [result({ host: "192.0.2.77" })] }));
  const scans = [scan({ id: "s2" }), scan({ id: "s1", state: "finished" })];
  await fake.tell("scan/subscribe", { kind: "snapshot", scans, scan_id: "s2", results: [] });
  // The one that is shown already is not among them.
  const others = [...document.querySelectorAll("button")].filter(
    (one) => one.textContent === "Show",
  );
  expect(others).toHaveLength(1);
  await click(others[0] as HTMLElement);
  expect(fake.sent("scan/results")).toMatchObject([{ scan_id: "s1" }]);
  await vi.waitFor(() =>
    expect(byTestId("scan-results").textContent).toContain("192.0.2.77"),
  );
});

test("a scan that is over before it is told of is shown with what it found", async () => {
  const fake = await open();
  fake.on("scan/start", () => ({ scan: scan({ id: "s9", state: "finished" }) }));
  fake.on("scan/results", () => ({ results: [result({ host: "192.0.2.99" })] }));
  await fake.tell("scan/subscribe", { kind: "scan", scan: scan({ state: "finished" }) });
  await submit();
  await vi.waitFor(() =>
    expect(byTestId("scan-results").textContent).toContain("192.0.2.99"),
  );
});

test("who looks at an earlier scan goes on doing so while another one runs", async () => {
  const fake = await open();
  const scans = [scan({ id: "s2" }), scan({ id: "s1", state: "finished" })];
  const results = [result({ host: "192.0.2.77" })];
  await fake.tell("scan/subscribe", { kind: "snapshot", scans, scan_id: "s1", results });
  await fake.tell("scan/subscribe", { kind: "scan", scan: scan({ id: "s2" }) });
  const other = result({ host: "192.0.2.3" });
  await fake.tell("scan/subscribe", { kind: "result", scan_id: "s2", result: other });
  expect(byTestId("scan-results").textContent).toContain("192.0.2.77");
  expect(byTestId("scan-results").textContent).not.toContain("192.0.2.3");
});

test("ports of one's own are scanned instead of a profile's", async () => {
  const fake = await open();
  fake.on("scan/start", () => {
    const errors = [{ key: "ports", message: "x" }];
    throw new Refusal("VALIDATION_ERROR", "99999 is no port.", { errors });
  });
  await type(input("Ports"), "custom");
  expect((byTestId("scan-start") as HTMLButtonElement).disabled).toBe(true);
  await type(input("Port numbers"), "80, 99999");
  await submit();
  expect(fake.sent("scan/start")[0]).toMatchObject({ ports: "80, 99999" });
  expect(fake.sent("scan/start")[0]).not.toHaveProperty("profile");
  expect(byTestId("error-ports").textContent).toBe("99999 is no port.");
});

test("a stream that is open to anyone is told with its path", async () => {
  const fake = await open();
  await fake.tell("scan/subscribe", { kind: "scan", scan: scan() });
  const rtsp = [{ port: 554, status: 200, server: "x", realm: null, path: "/live", open: true }];
  await fake.tell("scan/subscribe", { kind: "result", scan_id: "s1", result: result({ rtsp }) });
  expect(byTestId("scan-results").textContent).toContain("port 554: /live");
});

test("a hub that refuses to scan says so", async () => {
  const fake = new FakeHub().on("scan/subscribe", () => {
    throw new Refusal("FORBIDDEN");
  });
  await fake.connect();
  await show(fake, <ScanPanel onOpen={vi.fn()} />);
  await vi.waitFor(() => expect(document.body.textContent).toContain("does not scan"));
});
