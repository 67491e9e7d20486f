/** Stand-ins for the parts of a browser that the player drives; time is vitest's fake time. */

import { split } from "../../src/player/boxes.ts";
import type { PlayerEnvironment } from "../../src/player/environment.ts";

export class FakeSocket {
  static readonly made: FakeSocket[] = [];
  readonly sent: Record<string, unknown>[] = [];
  readonly url: string;
  binaryType = "";
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;

  constructor(url: string) {
    this.url = url;
    FakeSocket.made.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  // What the hub does.
  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message: Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  media(bytes: Uint8Array<ArrayBuffer>): void {
    this.onmessage?.({ data: bytes.slice().buffer });
  }

  drop(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

type Range = [number, number];

/** Keeps what is buffered from the fragments appended; an append takes a millisecond. */
export class FakeSourceBuffer extends EventTarget {
  updating = false;
  timestampOffset = 0;
  ranges: Range[] = [];
  quota = Infinity;
  appends = 0;
  removed: Range[] = [];
  refuse = false;
  types: string[] = [];

  get buffered(): TimeRanges {
    const ranges = this.ranges;
    return {
      length: ranges.length,
      start: (i: number) => ranges[i]?.[0] ?? 0,
      end: (i: number) => ranges[i]?.[1] ?? 0,
    } as TimeRanges;
  }

  appendBuffer(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.updating) throw new DOMException("busy", "InvalidStateError");
    if (this.refuse) throw new DOMException("refused", "InvalidStateError");
    const seconds = this.ranges.reduce((sum, [start, end]) => sum + end - start, 0);
    if (seconds > this.quota) throw new DOMException("full", "QuotaExceededError");
    this.appends += 1;
    for (const piece of split(bytes.slice().buffer)) {
      if (piece.kind !== "fragment") continue;
      const start = piece.decodeTime / 90_000 + this.timestampOffset;
      this.#add([start, start + piece.duration / 90_000]);
    }
    this.#update();
  }

  remove(start: number, end: number): void {
    this.removed.push([start, end]);
    this.ranges = this.ranges
      .map(([from, to]): Range => [Math.max(from, end), to])
      .filter(([from, to]) => to > from);
    this.#update();
  }

  changeType(type: string): void {
    this.types.push(type);
  }

  abort(): void {
    if (this.updating) throw new DOMException("busy", "InvalidStateError");
  }

  #add(range: Range): void {
    const last = this.ranges.at(-1);
    if (last && range[0] - last[1] < 0.05 && range[0] >= last[0]) last[1] = range[1];
    else this.ranges.push(range);
  }

  #update(): void {
    this.updating = true;
    setTimeout(() => {
      this.updating = false;
      this.dispatchEvent(new Event("updateend"));
    }, 1);
  }
}

export class FakeMediaSource extends EventTarget {
  static readonly made: FakeMediaSource[] = [];
  readonly buffer = new FakeSourceBuffer();

  constructor() {
    super();
    FakeMediaSource.made.push(this);
    setTimeout(() => this.dispatchEvent(new Event("sourceopen")), 1);
  }

  addSourceBuffer(type: string): FakeSourceBuffer {
    this.buffer.types.push(type);
    return this.buffer;
  }
}

/** Plays what its source has buffered, in steps of 20 ms; fires `waiting` when it runs dry. */
export class FakeVideo extends EventTarget {
  paused = true;
  seeking = false;
  muted = false;
  playsInline = false;
  disableRemotePlayback = false;
  playbackRate = 1;
  error: { message: string } | null = null;
  frozen = false;
  refusesToPlay = false;
  seeks: number[] = [];
  source: FakeMediaSource | undefined;
  #time = 0;
  #src = "";

  constructor() {
    super();
    setInterval(() => this.#step(0.02), 20);
  }

  get src(): string {
    return this.#src;
  }

  set src(url: string) {
    this.#src = url;
    this.#time = 0;
    this.paused = true;
    this.source = FakeMediaSource.made.at(-1);
  }

  get buffered(): TimeRanges {
    return this.source?.buffer.buffered ?? new FakeSourceBuffer().buffered;
  }

  get currentTime(): number {
    return this.#time;
  }

  set currentTime(time: number) {
    this.#time = time;
    this.seeks.push(time);
    this.seeking = true;
    setTimeout(() => (this.seeking = false), 5);
  }

  play(): Promise<void> {
    if (this.refusesToPlay) return Promise.reject(new DOMException("click", "NotAllowedError"));
    this.paused = false;
    queueMicrotask(() => this.dispatchEvent(new Event("playing")));
    return Promise.resolve();
  }

  pause(): void {
    this.paused = true;
  }

  removeAttribute(): void {
    this.#src = "";
    this.source = undefined;
  }

  load(): void {}

  #step(seconds: number): void {
    if (this.paused || this.seeking || this.frozen) return;
    const range = (this.source?.buffer.ranges ?? []).find(
      ([start, end]) => this.#time >= start - 0.05 && this.#time < end,
    );
    const next = this.#time + seconds * this.playbackRate;
    if (range && next <= range[1]) this.#time = next;
    else this.dispatchEvent(new Event("waiting"));
  }
}

export function fakeEnvironment(
  canPlay: (mime: string) => boolean = (mime) => mime.includes("avc1"),
): PlayerEnvironment {
  FakeSocket.made.length = 0;
  FakeMediaSource.made.length = 0;
  return {
    createSocket: (url) => new FakeSocket(url) as unknown as WebSocket,
    createMediaSource: () => new FakeMediaSource() as unknown as MediaSource,
    createObjectURL: () => "blob:fake",
    revokeObjectURL: () => undefined,
    canPlay,
    managed: false,
    now: () => Date.now(),
  };
}
