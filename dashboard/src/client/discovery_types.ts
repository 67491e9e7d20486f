/** The JSON of devices that were found on the network. */

import type { Reason } from "./types.ts";

/** One thing that speaks for a device being what it is said to be. */
export interface Evidence {
  /** The protocol: "mdns", "ws-discovery", "scan" … */
  readonly source: string;
  /** Domain of the integration that recognised it. */
  readonly integration: string;
  readonly host: string;
  /** An English sentence. */
  readonly text: string;
  /** 0 to 1. */
  readonly confidence: number;
  /** Seconds since the epoch on the hub's clock, as are all times here. */
  readonly first_seen: number;
  readonly last_seen: number;
}

export interface AddressSpan {
  readonly host: string;
  readonly first_seen: number;
  readonly last_seen: number;
}

/** An integration that a device may be added with. */
export interface Candidate {
  /** Its domain. */
  readonly integration: string;
  readonly name: string;
  readonly confidence: number;
}

export interface Device {
  readonly id: string;
  readonly host: string;
  readonly name: string | null;
  readonly manufacturer: string | null;
  readonly model: string | null;
  readonly serial: string | null;
  readonly mac: string | null;
  readonly firmware: string | null;
  readonly http_port: number | null;
  readonly rtsp_port: number | null;
  /** Domain of the best candidate; null: no integration knows the device. */
  readonly integration: string | null;
  readonly integration_name: string | null;
  /** 0 to 1. */
  readonly confidence: number;
  /** The best first. */
  readonly candidates: readonly Candidate[];
  readonly state: "new" | "configured" | "ignored";
  /** Whether it answered lately. */
  readonly present: boolean;
  readonly entry_id: string | null;
  /** The flow that adds it, while there is one. */
  readonly flow_id: string | null;
  /** It is being added together with others. */
  readonly adopting: boolean;
  /** Why that failed the last time. */
  readonly problem: Reason | null;
  readonly first_seen: number;
  readonly last_seen: number;
  readonly evidence: readonly Evidence[];
  /** Where it was, and when. */
  readonly addresses: readonly AddressSpan[];
  /** Whether a picture can be had without a log-in. */
  readonly snapshot: boolean;
  readonly details: Readonly<Record<string, string>>;
}

/** What the hub does to find devices. */
export interface DiscoveryStatus {
  readonly enabled: boolean;
  /** Whether a round of questions is going on. */
  readonly asking: boolean;
  readonly last_round: number | null;
  readonly next_round: number | null;
  readonly interfaces: readonly NetworkInterface[];
  readonly methods: readonly {
    readonly name: string;
    readonly listening: boolean;
    readonly problem: string | null;
    readonly reports: number;
    readonly rejected: number;
  }[];
}

export interface NetworkInterface {
  readonly name: string;
  readonly address: string;
  /** In CIDR notation. */
  readonly network: string;
}

export type DiscoveryEvent =
  | {
      readonly kind: "snapshot";
      readonly devices: readonly Device[];
      readonly status: DiscoveryStatus;
    }
  | { readonly kind: "device"; readonly device: Device }
  | { readonly kind: "removed"; readonly id: string }
  | { readonly kind: "status"; readonly status: DiscoveryStatus };

/** What came of adding one of several devices: an entry, a flow that asks something, or a fault. */
export interface Adoption {
  readonly device_id: string;
  readonly entry_id: string | null;
  readonly flow_id: string | null;
  readonly error: Reason | null;
}
