/** English for devices on the network and scans, and the shape that every other language has. */
export const enDiscovery = {
  // --- devices on the network ---
  found: "Found",
  foundCertain: "certain",
  foundLikely: "likely",
  foundPossible: "possible",
  foundGone: (ago: string) => `gone, seen ${ago}`,
  foundChoose: (name: string) => `Choose ${name}`,
  foundPicture: (name: string) => `What ${name} sees`,
  foundNotActivated: "It has no password yet: set one with the vendor's own tool first.",
  foundOther: (name: string) => `Integration to add ${name} with`,
  foundOtherHint: "Add as …",
  foundOffer: "Offer again",
  foundAdding: "Adding …",
  foundWhy: (count: number) =>
    count === 1 ? "What speaks for it" : `What speaks for it (${count})`,
  foundBefore: (host: string, ago: string) => `Was at ${host}, ${ago}`,
  foundSeveral: "Add several with one password",
  foundShared: (count: number) =>
    count === 0
      ? "Tick the devices above that have the same user name and password."
      : count === 1
        ? "The chosen one is logged in to once."
        : `Each of the ${count} chosen is logged in to once.`,
  foundUserName: "User name",
  foundAddAll: (count: number) => (count === 0 ? "Add" : `Add ${count}`),
  foundAdded: (count: number) => (count === 0 ? "" : `${count} added.`),
  foundNeedsAnswer: "it asks for more; add it by itself.",
  foundIgnored: (count: number) => `Ignored (${count})`,
  foundIgnoredOne: "ignored",
  foundCount: (count: number) => `${count} ${count === 1 ? "device" : "devices"} found`,
  foundHistory: "What was at which address",
  foundHistoryNone: "Nothing was found yet.",
  foundAt: (host: string, first: string, last: string) =>
    `${host}: first seen ${first}, last ${last}`,
  foundAsking: "Asking the network …",
  foundAsked: (ago: string) => `Asked ${ago}`,
  foundAgain: "Look again",
  foundDisabled: "Looking for devices is turned off in ucv.yaml.",
  foundTrouble: (method: string, why: string) => `${method} cannot be used: ${why}`,
  serial: "Serial number",
  firmware: "Firmware",

  // --- network scan ---
  scan: "Network scan",
  scanRefused: "This hub does not scan networks.",
  scanText:
    "Looks at each address for cameras that do not announce themselves. Nothing is logged in to.",
  scanRanges: "Addresses",
  scanRangesHint: "Networks, ranges or single ones: 192.0.2.0/24, 192.0.2.10-20",
  scanProfile: "Ports",
  scanProfiles: {
    quick: "Quick: the usual ones",
    normal: "Normal: those of known brands",
    deep: "Deep: many",
    custom: "These ports …",
  },
  /** By the name of a profile. */
  scanProfileNames: {
    quick: "quick",
    normal: "normal",
    deep: "deep",
    custom: "own ports",
  } as Record<string, string>,
  scanPortsOwn: "Port numbers",
  scanLarge: (count: string) =>
    `These are ${count} addresses. That may take long, and others on the network may notice.`,
  scanStart: "Scan",
  scanAnyway: "Scan it anyway",
  scanCached: (seconds: number) => `The same was scanned ${seconds} s ago; this is what was found.`,
  scanAnew: "Scan anew",
  scanStates: {
    queued: "Waiting",
    running: "Scanning",
    paused: "Paused",
    cancelled: "Cancelled",
    finished: "Finished",
    failed: "Failed",
  },
  scanDone: (done: string, all: string) => `${done} of ${all} addresses`,
  scanHosts: (hosts: number, ports: number) =>
    [
      `${hosts.toLocaleString("en")} ${hosts === 1 ? "answers" : "answer"}`,
      `${ports.toLocaleString("en")} open ${ports === 1 ? "port" : "ports"}`,
    ].join(" · "),
  scanRemaining: (seconds: number) => `about ${Math.ceil(seconds)} s left`,
  scanTook: (seconds: string) => `${seconds} s`,
  scanRate: (rate: string) => `${rate} probes/s`,
  scanPause: "Pause",
  scanResume: "Go on",
  scanHistory: "Earlier scans",
  scanShow: "Show",
  scanNothing: "Nothing answered.",
  scanAddress: "Address",
  scanDevice: "Device",
  scanPorts: "Open ports",
  scanEvidence: "What it says",
  scanNew: "new",
  scanGone: "gone since the last scan",
  scanOpened: (ports: string) => `now open: ${ports}`,
  scanClosed: (ports: string) => `no longer: ${ports}`,
  scanSame: "Nothing has changed since the last scan of these addresses.",
  scanDiffers: (come: number, gone: number, changed: number) =>
    `Since the last scan of these addresses: ${come} new, ${gone} gone, ${changed} changed.`,
  scanOpenStream: (port: number, path: string) =>
    `A stream without a log-in on port ${port}: ${path}`,
  scanUnknown: "unknown",
  scanInUse: "in use",
};

export type DiscoveryWords = typeof enDiscovery;
