import type { Camera, CamerasEvent } from "./types.ts";

/** The list of cameras after `event`; the same object when nothing changed. */
export function applied(cameras: readonly Camera[], event: CamerasEvent): readonly Camera[] {
  if (event.kind === "snapshot") return event.cameras;
  if (event.kind !== "changes") return cameras;
  const changed = new Map(event.changed.map((camera) => [camera.id, camera]));
  const removed = new Set(event.removed);
  if (changed.size === 0 && removed.size === 0) return cameras;
  const next: Camera[] = [];
  for (const camera of cameras) {
    if (removed.has(camera.id) && !changed.has(camera.id)) continue;
    next.push(changed.get(camera.id) ?? camera);
    changed.delete(camera.id);
  }
  return [...next, ...changed.values()];
}
