/** Flows that wait for somebody. */

import type { Flow } from "../client/index.ts";
import { useHubState } from "./hub.tsx";

/** What waits: devices that were found, log-ins that were refused; the oldest first. */
export function waiting(flows: ReadonlyMap<string, Flow>): readonly Flow[] {
  return [...flows.values()]
    .filter(({ source, page }) => {
      const open = page.kind !== "done" && page.kind !== "abort";
      return open && (source === "discovery" || source === "reauth");
    })
    .sort((one, other) => one.started - other.started);
}

/** How many wait. */
export function useWaiting(): number {
  return useHubState((hub) => waiting(hub.flows).length);
}
