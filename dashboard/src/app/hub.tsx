/** What the components share: the client, and the hub's state as React reads it. */

import { createContext, useContext, useSyncExternalStore } from "react";

import {
  applied,
  appliedFlows,
  reported,
  HubCommands,
  HubSocket,
  RestClient,
  type Camera,
  type CameraReports,
  type ConfigStatus,
  type DiscoveryEvent,
  type Flow,
  type IntegrationInfo,
  type Link,
  type MetricsEvent,
  type Reports,
  type ScanEvent,
  type StreamHealth,
  type User,
} from "../client/index.ts";

export interface HubOptions {
  readonly createSocket?: (url: string) => WebSocket;
}

/** Cameras, health and connection of one logged-in page; immutable values, replaced on change. */
export class Hub {
  readonly rest: RestClient;
  readonly commands: HubCommands;
  readonly user: User;
  readonly #socket: HubSocket;
  readonly #listeners = new Set<() => void>();
  readonly #onRefused: () => void;
  #cameras: readonly Camera[] | undefined;
  #reports: Reports = new Map();
  #metrics: MetricsEvent | undefined;
  #flows: ReadonlyMap<string, Flow> = new Map();
  #config: ConfigStatus | undefined;
  #integrations: readonly IntegrationInfo[] | undefined;
  #stop: (() => void)[] = [];

  constructor(rest: RestClient, user: User, onRefused: () => void, options: HubOptions = {}) {
    this.rest = rest;
    this.user = user;
    this.#onRefused = onRefused;
    this.#socket = new HubSocket({ url: rest.socketUrl(), ...options });
    this.commands = new HubCommands(this.#socket);
  }

  get admin(): boolean {
    return this.user.role === "admin";
  }

  start(): void {
    const retry = (): void => {
      if (document.visibilityState === "visible") this.#socket.retryNow();
    };
    window.addEventListener("online", retry);
    document.addEventListener("visibilitychange", retry);
    this.#stop = [
      this.#socket.onLink(() => {
        if (this.#socket.link.state === "refused") this.#onRefused();
        if (this.#socket.link.state !== "online") this.#metrics = undefined;
        else this.refreshIntegrations();
        this.#changed();
      }),
      this.#socket.subscribeCameras((event) => {
        this.#cameras = applied(this.#cameras ?? [], event);
        this.#changed();
      }),
      this.#socket.subscribeCameraEvents((event) => {
        this.#reports = reported(this.#reports, event);
        this.#changed();
      }),
      this.#socket.subscribeMetrics((event) => {
        this.#metrics = event;
        this.#changed();
      }),
      ...(this.admin ? this.#administer() : []),
      () => window.removeEventListener("online", retry),
      () => document.removeEventListener("visibilitychange", retry),
    ];
    this.#socket.open();
  }

  /** What only administrators are told. */
  #administer(): (() => void)[] {
    return [
      this.#socket.subscribeFlows((event) => {
        this.#flows = appliedFlows(this.#flows, event);
        this.#changed();
      }),
      this.#socket.subscribeConfig((event) => {
        this.#config = event;
        this.#changed();
      }),
    ];
  }

  /** For as long as somebody looks at them: the hub asks the network often meanwhile. */
  watchDiscovery(
    onEvent: (event: DiscoveryEvent) => void,
    onRefused?: () => void,
  ): () => void {
    return this.#socket.subscribeDiscovery(onEvent, onRefused);
  }

  watchScans(onEvent: (event: ScanEvent) => void, onRefused?: () => void): () => void {
    return this.#socket.subscribeScans(onEvent, onRefused);
  }

  stop(): void {
    for (const stop of this.#stop) stop();
    this.#stop = [];
    this.#socket.close();
  }

  retryNow(): void {
    this.#socket.retryNow();
  }

  /** Show what REST has just answered, without waiting for the event that tells the same. */
  put(camera: Camera): void {
    if (!this.#cameras || typeof camera?.id !== "string") return;
    const event = { kind: "changes", sequence: 0, changed: [camera], removed: [] } as const;
    this.#cameras = applied(this.#cameras, event);
    this.#changed();
  }

  /** The same for what a command on a flow has answered. */
  putFlow(flow: Flow): void {
    this.#flows = appliedFlows(this.#flows, { kind: "flow", flow });
    this.#changed();
  }

  putConfig(status: ConfigStatus): void {
    this.#config = status;
    this.#changed();
  }

  /** Ask anew what kinds of cameras there are: plugins come and go. */
  refreshIntegrations(): void {
    if (!this.admin) return;
    this.commands.integrations().then(
      (integrations) => {
        this.#integrations = integrations;
        this.#changed();
      },
      () => undefined, // asked again with the next connection
    );
  }

  get link(): Link {
    return this.#socket.link;
  }

  get cameras(): readonly Camera[] | undefined {
    return this.#cameras;
  }

  /** By id, with the last that have ended. */
  get flows(): ReadonlyMap<string, Flow> {
    return this.#flows;
  }

  get config(): ConfigStatus | undefined {
    return this.#config;
  }

  get integrations(): readonly IntegrationInfo[] | undefined {
    return this.#integrations;
  }

  get process(): MetricsEvent["process"] | undefined {
    return this.#metrics?.process;
  }

  /** What a camera has reported; undefined: nothing. */
  reports(camera: string): CameraReports | undefined {
    return this.#reports.get(camera);
  }

  health(key: string): StreamHealth | undefined {
    return this.#metrics?.streams[key];
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

export const HubContext = createContext<Hub | null>(null);

export function useHub(): Hub {
  const hub = useContext(HubContext);
  if (!hub) throw new Error("used outside of a logged-in page");
  return hub;
}

/** A value of the hub's state; the component is drawn again when it is replaced. */
export function useHubState<T>(select: (hub: Hub) => T): T {
  const hub = useHub();
  return useSyncExternalStore(hub.subscribe, () => select(hub));
}
