/**
 * A MediaSource with one SourceBuffer, as a queue of operations.
 *
 * A SourceBuffer does one thing at a time; appends that wait are joined into one. Failures are told
 * once through `onFailure`, after which the buffer is dead and its owner makes another.
 */

import type { PlayerEnvironment } from "./environment.ts";

export type BufferFailure = "decode" | "quota" | "closed";

type Operation =
  | { readonly kind: "append"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "offset"; readonly seconds: number }
  | { readonly kind: "type"; readonly mime: string }
  | { readonly kind: "remove"; readonly end: number };

/** Appends joined into one call; larger ones only delay the first picture. */
const JOINED_BYTES = 2 * 1024 * 1024;
/** More than this waiting means that the browser has stopped taking media. */
const QUEUE_BYTES = 48 * 1024 * 1024;
/** Removing is not free: do it in steps of at least this many seconds. */
const TRIM_STEP = 2;

export class LiveBuffer {
  readonly #video: HTMLVideoElement;
  readonly #source: MediaSource;
  readonly #url: string;
  readonly #environment: PlayerEnvironment;
  readonly #onUpdate: () => void;
  readonly #onFailure: (failure: BufferFailure, message: string) => void;
  #buffer: SourceBuffer | undefined;
  #mime: string;
  #queue: Operation[] = [];
  #queuedBytes = 0;
  #trimmedForQuota = false;
  #keyframeInUse = 0;
  #dead = false;

  constructor(
    video: HTMLVideoElement,
    mime: string,
    environment: PlayerEnvironment,
    onUpdate: () => void,
    onFailure: (failure: BufferFailure, message: string) => void,
  ) {
    this.#video = video;
    this.#mime = mime;
    this.#environment = environment;
    this.#onUpdate = onUpdate;
    this.#onFailure = onFailure;
    this.#source = environment.createMediaSource();
    this.#source.addEventListener("sourceopen", this.#opened, { once: true });
    this.#source.addEventListener("sourceclose", () => this.#fail("closed", "media source closed"));
    if (environment.managed) video.disableRemotePlayback = true;
    this.#url = environment.createObjectURL(this.#source);
    video.src = this.#url;
  }

  get mime(): string {
    return this.#mime;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Buffered ranges; empty before the source is open. */
  get ranges(): { readonly length: number; start(i: number): number; end(i: number): number } {
    try {
      return this.#buffer?.buffered ?? EMPTY;
    } catch {
      return EMPTY; // the browser has removed the buffer after an error
    }
  }

  append(bytes: Uint8Array<ArrayBuffer>): void {
    this.#queuedBytes += bytes.byteLength;
    if (this.#queuedBytes > QUEUE_BYTES) {
      this.#fail("quota", "the browser takes no more media");
      return;
    }
    this.#push({ kind: "append", bytes });
  }

  /** What is appended from here on is placed this many seconds later. */
  offset(seconds: number): void {
    this.#push({ kind: "offset", seconds });
  }

  /** What is appended from here on has this type. */
  type(mime: string): void {
    this.#mime = mime;
    this.#push({ kind: "type", mime });
  }

  /** The picture needs nothing before `time` (its keyframe): that much may be removed. */
  trim(time: number): void {
    this.#keyframeInUse = time;
    const ranges = this.ranges;
    if (ranges.length === 0 || time - ranges.start(0) < TRIM_STEP) return;
    if (this.#queue.some((operation) => operation.kind === "remove")) return;
    this.#push({ kind: "remove", end: time });
  }

  /** Free the media and the element. */
  destroy(): void {
    if (!this.#dead) this.#dead = true;
    this.#queue = [];
    this.#source.removeEventListener("sourceopen", this.#opened);
    this.#environment.revokeObjectURL(this.#url);
    this.#video.removeAttribute("src");
    this.#video.load();
  }

  #opened = (): void => {
    if (this.#dead) return;
    try {
      this.#buffer = this.#source.addSourceBuffer(this.#mime);
    } catch (error) {
      this.#fail("decode", String(error));
      return;
    }
    this.#buffer.addEventListener("updateend", this.#updated);
    this.#buffer.addEventListener("error", () => this.#fail("decode", "the media was refused"));
    this.#pump();
  };

  #updated = (): void => {
    if (this.#dead) return;
    this.#pump();
    this.#onUpdate();
  };

  #push(operation: Operation): void {
    if (this.#dead) return;
    this.#queue.push(operation);
    this.#pump();
  }

  #pump(): void {
    const buffer = this.#buffer;
    while (buffer && !this.#dead && !buffer.updating) {
      const operation = this.#queue.shift();
      if (!operation) return;
      try {
        this.#run(buffer, operation);
      } catch (error) {
        this.#fail("decode", String(error));
      }
    }
  }

  #run(buffer: SourceBuffer, operation: Operation): void {
    switch (operation.kind) {
      case "append": {
        const bytes = this.#join(operation.bytes);
        try {
          buffer.appendBuffer(bytes);
        } catch (error) {
          if ((error as DOMException).name !== "QuotaExceededError") throw error;
          this.#makeRoom({ kind: "append", bytes });
          return;
        }
        this.#queuedBytes -= bytes.byteLength;
        this.#trimmedForQuota = false;
        return;
      }
      case "offset":
        // A fragment cut off by a lost connection must not swallow what follows it.
        buffer.abort();
        buffer.timestampOffset = operation.seconds;
        return;
      case "type":
        buffer.abort();
        buffer.changeType(operation.mime);
        return;
      case "remove":
        buffer.remove(0, operation.end);
    }
  }

  #join(first: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    let size = first.byteLength;
    let count = 0;
    for (const operation of this.#queue) {
      if (operation.kind !== "append" || size + operation.bytes.byteLength > JOINED_BYTES) break;
      size += operation.bytes.byteLength;
      count += 1;
    }
    if (count === 0) return first;
    const joined = new Uint8Array(size);
    joined.set(first);
    let at = first.byteLength;
    for (const operation of this.#queue.splice(0, count)) {
      if (operation.kind !== "append") continue;
      joined.set(operation.bytes, at);
      at += operation.bytes.byteLength;
    }
    return joined;
  }

  /** The browser's quota is used up: remove what the picture does not need, once, then give up. */
  #makeRoom(operation: Operation): void {
    const ranges = this.ranges;
    const start = ranges.length > 0 ? ranges.start(0) : 0;
    if (this.#trimmedForQuota || this.#keyframeInUse - start < 0.01) {
      this.#fail("quota", "the browser's media quota is used up");
      return;
    }
    this.#trimmedForQuota = true;
    this.#queue.unshift({ kind: "remove", end: this.#keyframeInUse }, operation);
  }

  #fail(failure: BufferFailure, message: string): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#queue = [];
    this.#onFailure(failure, message);
  }
}

const EMPTY = { length: 0, start: () => 0, end: () => 0 };
