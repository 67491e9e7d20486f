/**
 * The connection to `/api/ws`: asks for shared fragments, keeps the hub's clock, and connects again
 * after each loss until it is closed.
 */

import { Backoff } from "../net/backoff.ts";
import { playableCodecs, type PlayerEnvironment } from "./environment.ts";
import { SourceClock } from "./source_clock.ts";

/** What the hub says of the stream itself. */
export interface SourceStatus {
  readonly state: string;
  readonly reason: { readonly code: string; readonly message: string } | null;
  /** Seconds since the epoch on the hub's clock; null when none is planned. */
  readonly nextTry: number | null;
}

export interface ConnectionHandlers {
  /** A connection is being made: what was known of the last one's media is void. */
  onConnect(): void;
  onLost(error: string): void;
  /** An init segment and fragments of this type follow. */
  onType(mime: string): void;
  onMedia(message: ArrayBuffer): void;
  /** The frame of that decode time (seconds) reached the hub when its clock read `received`. */
  onClock(decodeTime: number, received: number): void;
  onStatus(status: SourceStatus): void;
  onError(error: string): void;
}

const PING_EVERY = 2_000;
/** The first pings follow each other quickly: the delay can then be told within a second. */
const FIRST_PINGS = 3;
const FIRST_PING_EVERY = 250;
/** Nothing at all from the hub for this long: the connection is dead. */
const SILENCE = 8_000;

export class StreamConnection {
  /** Ticks a second of the decode times. */
  timescale = 90_000;
  readonly clock = new SourceClock();
  readonly #url: () => string;
  readonly #environment: PlayerEnvironment;
  readonly #handlers: ConnectionHandlers;
  readonly #backoff = new Backoff(400, 10_000);
  #socket: WebSocket | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heardAt = 0;
  #pings = 0;
  #pingDue = Infinity;

  constructor(url: () => string, environment: PlayerEnvironment, handlers: ConnectionHandlers) {
    this.#url = url;
    this.#environment = environment;
    this.#handlers = handlers;
  }

  /** There is a connection, or one is being made, rather than waited for. */
  get active(): boolean {
    return this.#socket !== undefined;
  }

  /** Connect now, in place of any connection there is. */
  open(): void {
    this.close();
    this.clock.forgetFrames();
    this.#heardAt = this.#environment.now();
    this.#pings = 0;
    this.#pingDue = Infinity;
    this.#handlers.onConnect();
    let socket: WebSocket;
    try {
      socket = this.#environment.createSocket(this.#url());
    } catch (error) {
      this.#lost(String(error));
      return;
    }
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      const value = playableCodecs(this.#environment);
      socket.send(JSON.stringify({ type: "mse", value, shared: true }));
      this.#ping(this.#environment.now());
    };
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      this.#heardAt = this.#environment.now();
      if (typeof event.data === "string") this.#onText(event.data);
      else this.#handlers.onMedia(event.data);
    };
    socket.onclose = () => this.#lost("the connection was closed");
  }

  /** Connect in `delay` milliseconds. */
  openIn(delay: number): void {
    this.close();
    this.#timer = setTimeout(() => this.open(), delay);
  }

  /** End the connection, and do not make another. */
  close(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** Media arrived: the next loss is a new one, and is mended quickly. */
  proven(): void {
    this.#backoff.reset();
  }

  /** To be called often: sends what is due, and notices a dead connection. */
  tick(now: number): void {
    if (!this.#socket) return;
    if (now - this.#heardAt > SILENCE) this.#lost("the hub does not answer");
    else if (now >= this.#pingDue) this.#ping(now);
  }

  #lost(error: string): void {
    this.openIn(this.#backoff.next());
    this.#handlers.onLost(error);
  }

  #ping(now: number): void {
    if (this.#socket?.readyState !== 1) return;
    this.#pings += 1;
    this.#pingDue = now + (this.#pings < FIRST_PINGS ? FIRST_PING_EVERY : PING_EVERY);
    this.#socket.send(JSON.stringify({ type: "ping", value: now }));
  }

  #onText(text: string): void {
    let message: Record<string, unknown>;
    try {
      message = JSON.parse(text) as Record<string, unknown>;
    } catch {
      return; // not ours to judge; the next message may be well-formed
    }
    const now = this.#environment.now();
    const { type, value } = message;
    switch (type) {
      case "mse": {
        const timescale = Number(message["timescale"]);
        if (timescale > 0) this.timescale = timescale;
        this.#handlers.onType(String(value));
        break;
      }
      case "pong":
        this.clock.pong(Number(value), now, Number(message["time"]));
        break;
      case "clock": {
        const decodeTime = Number(message["media"]) / this.timescale;
        this.#handlers.onClock(decodeTime, Number(message["received"]));
        break;
      }
      case "status": {
        const status = sourceStatus(value);
        if (status) this.#handlers.onStatus(status);
        break;
      }
      case "error":
        this.#handlers.onError(String(value));
        break;
      default:
        break; // a newer hub may say more
    }
  }
}

function sourceStatus(value: unknown): SourceStatus | null {
  if (typeof value !== "object" || value === null) return null;
  const { state, reason, next_try } = value as Record<string, unknown>;
  const { code, message } = (reason ?? {}) as Record<string, unknown>;
  return {
    state: String(state),
    reason: code === undefined ? null : { code: String(code), message: String(message ?? "") },
    nextTry: typeof next_try === "number" && next_try > 0 ? next_try : null,
  };
}
