import { useEffect, useState } from "react";

import { appliedDiscovery, appliedScans, type Found, type Scans } from "../client/index.ts";
import { useHub } from "./hub.tsx";

/** Devices on the network, for as long as a component that shows them is there. */
export function useFound(): Found | "refused" | undefined {
  const hub = useHub();
  const [found, setFound] = useState<Found | "refused">();
  useEffect(
    () =>
      hub.watchDiscovery(
        (event) => setFound((before) => appliedDiscovery(told(before), event)),
        () => setFound("refused"),
      ),
    [hub],
  );
  return found;
}

/** Scans of the network, and what replaces them when another one is to be shown. */
export function useScans(): [
  Scans | "refused" | undefined,
  (next: (before: Scans) => Scans) => void,
] {
  const hub = useHub();
  const [scans, setScans] = useState<Scans | "refused">();
  useEffect(
    () =>
      hub.watchScans(
        (event) => setScans((before) => appliedScans(told(before), event)),
        () => setScans("refused"),
      ),
    [hub],
  );
  const change = (next: (before: Scans) => Scans): void =>
    setScans((before) => (before === undefined || before === "refused" ? before : next(before)));
  return [scans, change];
}

function told<T extends object>(before: T | "refused" | undefined): T | undefined {
  return before === "refused" ? undefined : before;
}
