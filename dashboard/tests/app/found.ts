import type { Device, DiscoveryStatus, Scan, ScanResult } from "../../src/client/index.ts";

export function device(change: Partial<Device> = {}): Device {
  return {
    id: "d1",
    host: "192.0.2.44",
    name: "Hall",
    manufacturer: "Acme",
    model: "A1",
    serial: "A1-0001",
    mac: null,
    firmware: null,
    http_port: 80,
    rtsp_port: 554,
    integration: "acme",
    integration_name: "Acme",
    confidence: 0.95,
    candidates: [
      { integration: "acme", name: "Acme", confidence: 0.95 },
      { integration: "onvif", name: "ONVIF", confidence: 0.5 },
    ],
    state: "new",
    present: true,
    entry_id: null,
    flow_id: null,
    adopting: false,
    problem: null,
    first_seen: 1_700_000_000,
    last_seen: 1_700_000_100,
    evidence: [
      {
        source: "sadp",
        integration: "acme",
        host: "192.0.2.44",
        text: "Acme A1",
        confidence: 0.95,
        first_seen: 1_700_000_000,
        last_seen: 1_700_000_100,
      },
    ],
    addresses: [{ host: "192.0.2.44", first_seen: 1_700_000_000, last_seen: 1_700_000_100 }],
    snapshot: false,
    details: {},
    ...change,
  };
}

export function status(change: Partial<DiscoveryStatus> = {}): DiscoveryStatus {
  return {
    enabled: true,
    asking: false,
    last_round: 1_700_000_100,
    next_round: 1_700_000_110,
    interfaces: [{ name: "eth0", address: "192.0.2.2", network: "192.0.2.0/24" }],
    methods: [{ name: "sadp", listening: true, problem: null, reports: 1, rejected: 0 }],
    ...change,
  };
}

export function scan(change: Partial<Scan> = {}): Scan {
  return {
    id: "s1",
    ranges: ["192.0.2.0/24"],
    profile: "quick",
    ports: [80, 554],
    methods: ["connect"],
    state: "running",
    error: null,
    started: 1_700_000_000,
    finished: null,
    progress: {
      addresses: 254,
      addresses_done: 100,
      probes: 508,
      probes_done: 200,
      hosts: 3,
      open_ports: 4,
      fingerprinted: 1,
      elapsed: 1,
      remaining: 1.5,
      rate: 200,
      sockets: 100,
    },
    cached: false,
    age: 0,
    hits: 0,
    ...change,
  };
}

export function result(change: Partial<ScanResult> = {}): ScanResult {
  return {
    host: "192.0.2.44",
    mac: null,
    ports: [80, 554],
    manufacturer: "Acme",
    model: null,
    name: null,
    integration: "acme",
    confidence: 0.8,
    evidence: ['RTSP realm "Acme" on port 554'],
    rtsp: [],
    http: [],
    onvif: [],
    ...change,
  };
}
