import type { ActiveEvents, CameraEvent, ReportedEvent } from "./control_types.ts";

/** How many reports of a camera are remembered. */
const RECENT = 20;

/** What a camera has reported: what goes on, and the last reports, the newest first. */
export interface CameraReports {
  readonly active: readonly ReportedEvent[];
  readonly recent: readonly CameraEvent[];
}

export type Reports = ReadonlyMap<string, CameraReports>;

/** The reports after `message`: all that goes on, or one more report. */
export function reported(reports: Reports, message: ActiveEvents | CameraEvent): Reports {
  if (message.kind === "snapshot") return restarted(reports, message);
  const { camera_id: camera, event } = message;
  // A recorder's own, such as a full disk, belong to none of its cameras.
  if (camera === null) return reports;
  const before = reports.get(camera);
  const others = (before?.active ?? []).filter((one) => keyOf(one) !== keyOf(event));
  return new Map(reports).set(camera, {
    active: event.active === true ? [...others, event] : others,
    recent: [message, ...(before?.recent ?? [])].slice(0, RECENT),
  });
}

/** After a new connection to the hub: what it says goes on, and what was seen before. */
function restarted(reports: Reports, { active }: ActiveEvents): Reports {
  const begun = new Map<string, CameraReports>();
  for (const [camera, { recent }] of reports) begun.set(camera, { active: [], recent });
  for (const { camera_id: camera, event } of active) {
    const known = begun.get(camera);
    begun.set(camera, {
      active: [...(known?.active ?? []), event],
      recent: known?.recent ?? [],
    });
  }
  return begun;
}

/** What tells things that go on at one camera apart. */
function keyOf(event: ReportedEvent): string {
  return [event.kind, event.source, event["object_type"] ?? event["name"] ?? ""].join("\n");
}
