import type { Device, DiscoveryEvent, DiscoveryStatus } from "./discovery_types.ts";
import type { Scan, ScanEvent, ScanResult } from "./scan_types.ts";

/** What discovery has told: devices by id, in the order in which they were found. */
export interface Found {
  readonly devices: ReadonlyMap<string, Device>;
  readonly status: DiscoveryStatus;
}

/** What is known after `event`; undefined until the first snapshot. */
export function appliedDiscovery(
  found: Found | undefined,
  event: DiscoveryEvent,
): Found | undefined {
  if (event.kind === "snapshot") {
    const { devices, status } = event;
    return { devices: new Map(devices.map((device) => [device.id, device])), status };
  }
  if (!found) return undefined;
  switch (event.kind) {
    case "device":
      return { ...found, devices: new Map(found.devices).set(event.device.id, event.device) };
    case "removed": {
      const devices = new Map(found.devices);
      devices.delete(event.id);
      return { ...found, devices };
    }
    case "status":
      return { ...found, status: event.status };
    default:
      return found;
  }
}

/** Scans, the newest first, and what one of them found, by address. */
export interface Scans {
  readonly scans: readonly Scan[];
  readonly shown: string | null;
  readonly results: ReadonlyMap<string, ScanResult>;
}

/** The same for scans. The first one that begins is shown. */
export function appliedScans(scans: Scans | undefined, event: ScanEvent): Scans | undefined {
  if (event.kind === "snapshot") {
    return { scans: event.scans, shown: event.scan_id, results: byHost(event.results) };
  }
  if (!scans) return undefined;
  switch (event.kind) {
    case "scan": {
      const { scan } = event;
      const known = scans.scans.some(({ id }) => id === scan.id);
      const all = known
        ? scans.scans.map((one) => (one.id === scan.id ? scan : one))
        : [scan, ...scans.scans];
      return { ...scans, scans: all, shown: scans.shown ?? scan.id };
    }
    case "result":
      return withResults(scans, event.scan_id, [event.result]);
    case "results":
      return withResults(scans, event.scan_id, event.results);
    default:
      return scans;
  }
}

/** Another scan, with what it has found so far, instead of the one that is shown. */
export function showing(before: Scans, scan: Scan, results: readonly ScanResult[]): Scans {
  const known = before.scans.some(({ id }) => id === scan.id);
  const scans = known ? before.scans : [scan, ...before.scans];
  return { scans, shown: scan.id, results: byHost(results) };
}

/** Whether a scan will find nothing more. */
export function isOver({ state }: Scan): boolean {
  return state === "finished" || state === "cancelled" || state === "failed";
}

function withResults(scans: Scans, id: string, results: readonly ScanResult[]): Scans {
  if (scans.shown !== null && scans.shown !== id) return scans;
  const all = new Map(scans.results);
  for (const result of results) all.set(result.host, result);
  return { ...scans, shown: id, results: all };
}

function byHost(results: readonly ScanResult[]): ReadonlyMap<string, ScanResult> {
  return new Map(results.map((result) => [result.host, result]));
}
