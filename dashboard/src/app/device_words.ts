/** What is said of found devices, in the page's language. Pure. */

import type { Device } from "../client/index.ts";
import { words } from "../i18n/index.ts";

/** What a device is called: its brand and model if it tells them, else its name or address. */
export function deviceTitle(device: Device): string {
  const { manufacturer, model, name, host } = device;
  if (!manufacturer) return name || model || host;
  // Some say their brand with the model.
  const twice = model?.toLowerCase().startsWith(manufacturer.toLowerCase());
  return twice && model ? model : [manufacturer, model].filter(Boolean).join(" ");
}

/** What its title does not say: its model, and a name that somebody gave it. */
export function besideTitle(device: Device): readonly string[] {
  const { name, model } = device;
  const title = deviceTitle(device);
  // Many are called by their model from the factory on.
  const own = model && name?.includes(model) ? null : name;
  return [model, own].filter((one) => one !== null && !title.includes(one)) as string[];
}

/** How sure it is that the integration fits. */
export function confidenceText(confidence: number): string {
  if (confidence >= 0.9) return words.foundCertain;
  return confidence >= 0.6 ? words.foundLikely : words.foundPossible;
}

/** The name of a protocol. */
export function sourceName(source: string): string {
  return SOURCES[source] ?? (source === "scan" ? words.scan : source.toUpperCase());
}

const SOURCES: Readonly<Record<string, string>> = {
  mdns: "mDNS",
  "ws-discovery": "WS-Discovery",
  ssdp: "SSDP",
  sadp: "SADP",
  dhip: "DHIP",
};

/** Devices to be offered: those that are there first, then the newest. */
export function offered(devices: Iterable<Device>): readonly Device[] {
  return [...devices]
    .filter(({ state }) => state === "new")
    .sort(
      (one, other) =>
        Number(other.present) - Number(one.present) || other.first_seen - one.first_seen,
    );
}
