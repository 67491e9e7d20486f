/** The JSON of scans of the network. */

import type { Reason } from "./types.ts";

export type ScanState = "queued" | "running" | "paused" | "cancelled" | "finished" | "failed";

export interface ScanProgress {
  readonly addresses: number;
  readonly addresses_done: number;
  /** A probe is one address with one port. */
  readonly probes: number;
  readonly probes_done: number;
  /** Addresses where something answered, be it by refusing. */
  readonly hosts: number;
  readonly open_ports: number;
  /** Addresses that were asked what they are. */
  readonly fingerprinted: number;
  /** Seconds, without pauses. */
  readonly elapsed: number;
  /** Seconds; null: not known. */
  readonly remaining: number | null;
  /** Probes per second. */
  readonly rate: number;
  readonly sockets: number;
}

export interface Scan {
  readonly id: string;
  readonly ranges: readonly string[];
  /** "quick", "normal", "deep" or "custom". */
  readonly profile: string;
  readonly ports: readonly number[];
  readonly methods: readonly string[];
  readonly state: ScanState;
  readonly error: Reason | null;
  /** Seconds since the epoch on the hub's clock. */
  readonly started: number;
  readonly finished: number | null;
  readonly progress: ScanProgress;
  /** It had just been made when it was asked for, `age` seconds before. */
  readonly cached: boolean;
  readonly age: number;
  readonly hits: number;
}

/** What a scan found at one address. */
export interface ScanResult {
  readonly host: string;
  readonly mac: string | null;
  readonly ports: readonly number[];
  readonly manufacturer: string | null;
  readonly model: string | null;
  readonly name: string | null;
  /** Domain of the integration that knows it best. */
  readonly integration: string | null;
  /** 0 to 1. */
  readonly confidence: number;
  /** English sentences. */
  readonly evidence: readonly string[];
  readonly rtsp: readonly {
    readonly port: number;
    readonly status: number;
    readonly server: string | null;
    readonly realm: string | null;
    readonly path: string | null;
    /** The stream at that path needs no log-in. */
    readonly open: boolean;
  }[];
  readonly http: readonly {
    readonly port: number;
    readonly tls: boolean;
    readonly status: number;
    readonly server: string | null;
    readonly realm: string | null;
    readonly title: string | null;
  }[];
  /** Ports where an ONVIF device service answered. */
  readonly onvif: readonly number[];
}

/** What differs from an earlier scan of the same addresses and ports. */
export interface ScanComparison {
  /** The earlier scan's id; null: there is none. */
  readonly before: string | null;
  readonly new: readonly string[];
  readonly gone: readonly ScanResult[];
  readonly changed: readonly {
    readonly host: string;
    readonly opened: readonly number[];
    readonly closed: readonly number[];
    readonly was: ScanResult;
  }[];
}

export type ScanEvent =
  | {
      readonly kind: "snapshot";
      readonly scans: readonly Scan[];
      /** The scan that `results` are of. */
      readonly scan_id: string | null;
      readonly results: readonly ScanResult[];
    }
  | { readonly kind: "scan"; readonly scan: Scan }
  | { readonly kind: "result"; readonly scan_id: string; readonly result: ScanResult }
  | { readonly kind: "results"; readonly scan_id: string; readonly results: readonly ScanResult[] };

/** What a scan is started with. */
export interface ScanRequest {
  /** Addresses, ranges and networks, separated by commas or spaces. */
  readonly ranges: string | readonly string[];
  readonly profile?: string;
  /** Instead of the profile's: "80, 554, 8000-8010". */
  readonly ports?: string | readonly number[];
  /** Go on although it is large. */
  readonly confirmed?: boolean;
  /** Scan anew, also if that was done just now. */
  readonly force?: boolean;
}
