/** What the components share: the client, and the hub's state as React reads it. */

import { createContext, useContext, useSyncExternalStore } from "react";

import {
  applied,
  HubSocket,
  RestClient,
  type Camera,
  type Link,
  type MetricsEvent,
  type StreamHealth,
  type User,
} from "../client/index.ts";

/** Cameras, health and connection of one logged-in page; immutable values, replaced on change. */
export class Hub {
  readonly rest: RestClient;
  readonly user: User;
  readonly #socket: HubSocket;
  readonly #listeners = new Set<() => void>();
  readonly #onRefused: () => void;
  #cameras: readonly Camera[] | undefined;
  #metrics: MetricsEvent | undefined;
  #stop: (() => void)[] = [];

  constructor(rest: RestClient, user: User, onRefused: () => void) {
    this.rest = rest;
    this.user = user;
    this.#onRefused = onRefused;
    this.#socket = new HubSocket({ url: rest.socketUrl() });
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
        this.#changed();
      }),
      this.#socket.subscribeCameras((event) => {
        this.#cameras = applied(this.#cameras ?? [], event);
        this.#changed();
      }),
      this.#socket.subscribeMetrics((event) => {
        this.#metrics = event;
        this.#changed();
      }),
      () => window.removeEventListener("online", retry),
      () => document.removeEventListener("visibilitychange", retry),
    ];
    this.#socket.open();
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

  get link(): Link {
    return this.#socket.link;
  }

  get cameras(): readonly Camera[] | undefined {
    return this.#cameras;
  }

  get process(): MetricsEvent["process"] | undefined {
    return this.#metrics?.process;
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
