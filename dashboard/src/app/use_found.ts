import { useEffect, useState } from "react";

import { appliedDiscovery, appliedScans, type Found, type Scans } from "../client/index.ts";
import { useHub } from "./hub.tsx";

/** Devices on the network, for as long as a component that shows them is there. */
export function useFound(): Found | undefined {
  const hub = useHub();
  const [found, setFound] = useState<Found>();
  useEffect(
    () => hub.watchDiscovery((event) => setFound((before) => appliedDiscovery(before, event))),
    [hub],
  );
  return found;
}

/** Scans of the network, and what replaces them when another one is to be shown. */
export function useScans(): [Scans | undefined, (next: (before: Scans) => Scans) => void] {
  const hub = useHub();
  const [scans, setScans] = useState<Scans>();
  useEffect(
    () => hub.watchScans((event) => setScans((before) => appliedScans(before, event))),
    [hub],
  );
  return [scans, (next) => setScans((before) => before && next(before))];
}
