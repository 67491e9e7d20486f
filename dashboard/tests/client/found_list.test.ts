import { expect, test } from "vitest";

import { appliedDiscovery, appliedScans, isOver, showing } from "../../src/client/index.ts";
import { device, result, scan, status } from "../app/found.ts";

const SNAPSHOT = { kind: "snapshot", devices: [device()], status: status() } as const;

test("devices come, change and go after the first snapshot", () => {
  expect(appliedDiscovery(undefined, { kind: "device", device: device() })).toBeUndefined();
  let found = appliedDiscovery(undefined, SNAPSHOT);
  found = appliedDiscovery(found, { kind: "device", device: device({ id: "d2" }) });
  found = appliedDiscovery(found, { kind: "device", device: device({ name: "Yard" }) });
  expect([...(found?.devices.values() ?? [])].map(({ id, name }) => [id, name])).toEqual([
    ["d1", "Yard"],
    ["d2", device().name],
  ]);
  found = appliedDiscovery(found, { kind: "removed", id: "d1" });
  found = appliedDiscovery(found, { kind: "status", status: status({ asking: true }) });
  expect([...(found?.devices.keys() ?? [])]).toEqual(["d2"]);
  expect(found?.status.asking).toBe(true);
});

test("after a gap in the connection only what the hub says then counts", () => {
  const found = appliedDiscovery(undefined, SNAPSHOT);
  expect(appliedDiscovery(found, { ...SNAPSHOT, devices: [] })?.devices.size).toBe(0);
});

test("of an address that is told twice, the last result counts", () => {
  let scans = appliedScans(undefined, {
    kind: "snapshot", scans: [scan()], scan_id: "s1", results: [result({ ports: [80] })],
  });
  const more = [result({ ports: [80, 554] }), result({ host: "192.0.2.45" })];
  scans = appliedScans(scans, { kind: "results", scan_id: "s1", results: more });
  expect([...(scans?.results.values() ?? [])].map(({ host, ports }) => [host, ports])).toEqual([
    ["192.0.2.44", [80, 554]],
    ["192.0.2.45", result().ports],
  ]);
});

test("a scan that is to be shown is known from then on, and its results alone are taken", () => {
  const scans = appliedScans(undefined, {
    kind: "snapshot", scans: [], scan_id: null, results: [],
  });
  if (!scans) throw new Error("there are no scans");
  const shown = showing(scans, scan({ id: "s2" }), [result()]);
  expect(shown.scans.map(({ id }) => id)).toEqual(["s2"]);
  const other = appliedScans(shown, { kind: "result", scan_id: "s1", result: result() });
  expect(other).toBe(shown);
});

test("a scan is over when nothing more will be found", () => {
  const states = ["queued", "running", "paused", "cancelled", "finished", "failed"] as const;
  const over = states.filter((state) => isOver(scan({ state })));
  expect(over).toEqual(["cancelled", "finished", "failed"]);
});
