/**
 * The hub's WebSocket interface: commands, and subscriptions that survive a lost connection.
 *
 * A subscription is made again after each reconnect. One that counts events (`sequence`) asks for
 * what it missed with `since`, and otherwise gets a new snapshot from the hub.
 */

import { Backoff } from "../net/backoff.ts";
import { ApiError, HUB_UNREACHABLE } from "./errors.ts";
import type { ActiveEvents, CameraEvent } from "./control_types.ts";
import type { DiscoveryEvent } from "./discovery_types.ts";
import type { FlowsEvent } from "./flow_types.ts";
import type { ScanEvent } from "./scan_types.ts";
import type { ConfigEvent } from "./plugin_types.ts";
import type { CamerasEvent, MetricsEvent, User } from "./types.ts";

export type Link =
  | { readonly state: "connecting" }
  | { readonly state: "online"; readonly version: string; readonly user: User | null }
  /** `at`: when the next try is due, milliseconds since the epoch. */
  | { readonly state: "waiting"; readonly at: number }
  /** The hub does not accept the session or token; nothing more is tried. */
  | { readonly state: "refused"; readonly code: string }
  | { readonly state: "closed" };

export interface HubSocketOptions {
  readonly url: string;
  readonly token?: string;
  readonly createSocket?: (url: string) => WebSocket;
  readonly backoff?: Backoff;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: ApiError) => void;
  readonly timer: ReturnType<typeof setTimeout>;
}

interface Subscription {
  readonly command: Readonly<Record<string, unknown>>;
  readonly onEvent: (event: Record<string, unknown>) => void;
  readonly onRefused: (() => void) | undefined;
  readonly resumes: boolean;
  sequence: number | undefined;
  /** The id of the running connection's command; undefined while there is none. */
  id: number | undefined;
}

const COMMAND_LIMIT = 30_000;
const CONNECT_LIMIT = 10_000;
const PING_EVERY = 10_000;
const SILENCE = 25_000;

export class HubSocket {
  readonly #options: HubSocketOptions;
  readonly #backoff: Backoff;
  readonly #listeners = new Set<() => void>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #subscriptions = new Set<Subscription>();
  #link: Link = { state: "closed" };
  #socket: WebSocket | undefined;
  #nextId = 1;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heartbeat: ReturnType<typeof setInterval> | undefined;
  #heardAt = 0;

  constructor(options: HubSocketOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? new Backoff();
  }

  get link(): Link {
    return this.#link;
  }

  /** Call `listener` after each change of `link`, until the result is called. */
  onLink(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Connect, and stay connected until `close`. */
  open(): void {
    if (this.#link.state === "closed" || this.#link.state === "refused") this.#connect();
  }

  /** Do not wait for the next try. */
  retryNow(): void {
    if (this.#link.state === "waiting") this.#connect();
  }

  close(): void {
    this.#disconnect();
    this.#setLink({ state: "closed" });
  }

  /**
   * Run a command, and give up on its answer after `limit` milliseconds. Rejects with ApiError,
   * also when the connection is lost meanwhile.
   */
  call<T>(
    type: string,
    parameters: Readonly<Record<string, unknown>> = {},
    limit = COMMAND_LIMIT,
  ): Promise<T> {
    if (this.#link.state !== "online") {
      return Promise.reject(new ApiError("not connected", HUB_UNREACHABLE));
    }
    return this.#send<T>({ ...parameters, type }, limit).result;
  }

  /** All cameras, then each change; missed changes are made up for after a reconnect. */
  subscribeCameras(onEvent: (event: CamerasEvent) => void): () => void {
    return this.#subscribe({ type: "cameras/subscribe" }, true, onEvent as never);
  }

  /** Health of all streams and of the hub, once a second. */
  subscribeMetrics(onEvent: (event: MetricsEvent) => void): () => void {
    return this.#subscribe({ type: "streams/metrics/subscribe" }, false, onEvent as never);
  }

  /** What goes on at cameras, then what they report: all of them, or only one. */
  subscribeCameraEvents(
    onEvent: (event: ActiveEvents | CameraEvent) => void,
    camera?: string,
  ): () => void {
    const one = camera === undefined ? {} : { camera_id: camera };
    return this.#subscribe({ type: "cameras/events/subscribe", ...one }, false, onEvent as never);
  }

  /** All flows, then each one that changes; administrators only. */
  subscribeFlows(onEvent: (event: FlowsEvent) => void): () => void {
    return this.#subscribe({ type: "flows/subscribe" }, false, onEvent as never);
  }

  /** How the configuration file stands, now and whenever it was read; administrators only. */
  subscribeConfig(onEvent: (event: ConfigEvent) => void): () => void {
    return this.#subscribe({ type: "config/subscribe" }, false, onEvent as never);
  }

  /** Devices that were found, and each change; the network is asked often meanwhile. */
  subscribeDiscovery(
    onEvent: (event: DiscoveryEvent) => void,
    onRefused?: () => void,
  ): () => void {
    return this.#subscribe({ type: "discovery/subscribe" }, false, onEvent as never, onRefused);
  }

  /** Scans with the results of the newest, then what changes; administrators only. */
  subscribeScans(onEvent: (event: ScanEvent) => void, onRefused?: () => void): () => void {
    return this.#subscribe({ type: "scan/subscribe" }, false, onEvent as never, onRefused);
  }

  #subscribe(
    command: Subscription["command"],
    resumes: boolean,
    onEvent: Subscription["onEvent"],
    onRefused?: () => void,
  ): () => void {
    const subscription: Subscription = {
      command,
      onEvent,
      onRefused,
      resumes,
      sequence: undefined,
      id: undefined,
    };
    this.#subscriptions.add(subscription);
    if (this.#link.state === "online") this.#start(subscription);
    return () => {
      this.#subscriptions.delete(subscription);
      if (subscription.id !== undefined && this.#link.state === "online") {
        this.call("unsubscribe", { subscription: subscription.id }).catch(() => undefined);
      }
    };
  }

  #start(subscription: Subscription): void {
    const since =
      subscription.resumes && subscription.sequence !== undefined
        ? { since: subscription.sequence }
        : {};
    const { id, result } = this.#send<unknown>({ ...subscription.command, ...since });
    subscription.id = id;
    result.catch((error: ApiError) => {
      // Lost with the connection: made again with the next one. Refused: no use in asking again.
      if (error.code === HUB_UNREACHABLE) return;
      subscription.id = undefined;
      subscription.onRefused?.();
    });
  }

  #connect(): void {
    this.#disconnect();
    this.#setLink({ state: "connecting" });
    const create = this.#options.createSocket ?? ((url: string) => new WebSocket(url));
    const socket = create(this.#options.url);
    this.#socket = socket;
    this.#timer = setTimeout(() => this.#lost(), CONNECT_LIMIT);
    socket.onmessage = (event: MessageEvent<string>) => {
      if (socket === this.#socket) this.#receive(event.data);
    };
    socket.onclose = () => {
      if (socket === this.#socket) this.#lost();
    };
  }

  #disconnect(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#heartbeat);
    const socket = this.#socket;
    this.#socket = undefined;
    if (socket) {
      socket.onmessage = socket.onclose = null;
      socket.close();
    }
    for (const subscription of this.#subscriptions) subscription.id = undefined;
    for (const waiting of this.#waiting.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(new ApiError("the connection was lost", HUB_UNREACHABLE));
    }
    this.#waiting.clear();
  }

  #lost(): void {
    this.#disconnect();
    const wait = this.#backoff.next();
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#setLink({ state: "waiting", at: Date.now() + wait });
  }

  #receive(text: string): void {
    this.#heardAt = Date.now();
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(text) as Record<string, unknown>;
    } catch {
      return;
    }
    switch (message["type"]) {
      case "auth_required": {
        const token = this.#options.token;
        this.#socket?.send(
          JSON.stringify(token ? { type: "auth", access_token: token } : { type: "auth" }),
        );
        break;
      }
      case "auth_ok":
        this.#online(String(message["version"] ?? ""), (message["user"] as User) ?? null);
        break;
      case "auth_invalid":
        this.#disconnect();
        this.#setLink({ state: "refused", code: String(message["code"] ?? "UNAUTHORIZED") });
        break;
      case "result":
        this.#settle(message);
        break;
      case "event":
        this.#deliver(message["id"], message["event"]);
        break;
      default:
        break; // pong, or what a newer hub says
    }
  }

  #online(version: string, user: User | null): void {
    clearTimeout(this.#timer);
    this.#backoff.reset();
    this.#heartbeat = setInterval(() => {
      if (Date.now() - this.#heardAt > SILENCE) this.#lost();
      else this.#transmit({ id: this.#nextId++, type: "ping" });
    }, PING_EVERY);
    this.#setLink({ state: "online", version, user });
    for (const subscription of this.#subscriptions) this.#start(subscription);
  }

  #settle(message: Record<string, unknown>): void {
    const id = message["id"] as number;
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (message["success"] === true) {
      waiting.resolve(message["result"]);
    } else {
      waiting.reject(
        new ApiError(
          String(message["error"] ?? "refused"),
          String(message["code"] ?? "INTERNAL_ERROR"),
          0,
          message["details"],
        ),
      );
    }
  }

  #deliver(id: unknown, event: unknown): void {
    if (typeof event !== "object" || event === null) return;
    for (const subscription of this.#subscriptions) {
      if (subscription.id !== id) continue;
      const { sequence } = event as Record<string, unknown>;
      if (typeof sequence === "number") subscription.sequence = sequence;
      subscription.onEvent(event as Record<string, unknown>);
    }
  }

  #send<T>(
    message: Readonly<Record<string, unknown>>,
    limit = COMMAND_LIMIT,
  ): { id: number; result: Promise<T> } {
    const id = this.#nextId++;
    const result = new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new ApiError("the hub did not answer in time", HUB_UNREACHABLE));
      }, limit);
      this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject, timer });
    });
    this.#transmit({ id, ...message });
    return { id, result };
  }

  #transmit(message: Readonly<Record<string, unknown>>): void {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #setLink(link: Link): void {
    this.#link = link;
    for (const listener of this.#listeners) listener();
  }
}
