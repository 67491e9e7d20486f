/**
 * Places a stream's fragments on the player's own timeline, one connection after the other, and
 * remembers what of it matters for steering. All times are seconds unless they are named ticks.
 */

import type { Piece } from "./boxes.ts";

/** Media starts here, not at 0: a first frame composed slightly early must not be cut off. */
const ORIGIN = 1;
/** Distance on the timeline between the media of two connections. */
const GAP = 1;
/** Frames of which the hub may still tell when they arrived. */
const RECENT = 100;

export interface Placed {
  /** Only with a connection's first fragment: where its media begins. */
  readonly entering: number | undefined;
  /** Time since the frame before, in the order they are shown; 0 if there was none. */
  readonly interval: number;
}

export class StreamTimeline {
  #offset: number | undefined;
  #edge = ORIGIN - GAP;
  #newest: number | undefined;
  #surplus = 0;
  #keyframes: number[] = [];
  /** Presentation times of the last frames by their decode times, in the stream's seconds. */
  readonly #recent = new Map<number, number>();

  /** Player's time minus the stream's; undefined before a connection's first keyframe. */
  get offset(): number | undefined {
    return this.#offset;
  }

  /** Fragments may say that they last longer than they do: by this much, the last one. */
  get surplus(): number {
    return this.#surplus;
  }

  /** Another connection begins; its media goes behind what there is. */
  connect(): void {
    this.#offset = this.#newest = undefined;
    this.#surplus = 0;
    this.#recent.clear();
  }

  /** The player's timeline is empty again. */
  reset(): void {
    this.connect();
    this.#edge = ORIGIN - GAP;
    this.#keyframes = [];
  }

  /** Take note of a fragment; undefined if it cannot be shown, for want of a keyframe before it. */
  place(fragment: Piece, timescale: number): Placed | undefined {
    const decodeTime = fragment.decodeTime / timescale;
    const shown = decodeTime + fragment.composition / timescale;
    let entering: number | undefined;
    if (this.#offset === undefined) {
      if (!fragment.keyframe) return undefined;
      entering = this.#edge + GAP;
      this.#offset = entering - decodeTime;
    }
    this.#remember(decodeTime, shown);
    const start = shown + this.#offset;
    const duration = fragment.duration / timescale;
    if (fragment.keyframe) this.#keyframes.push(start);
    this.#edge = Math.max(this.#edge, start + duration);
    let interval = 0;
    if (this.#newest === undefined || start > this.#newest) {
      if (this.#newest !== undefined) {
        interval = start - this.#newest;
        this.#surplus = Math.max(0, duration - interval);
      }
      this.#newest = start;
    }
    return { entering, interval };
  }

  /** When the frame of that decode time is shown, in the stream's seconds. */
  shown(decodeTime: number): number {
    return this.#recent.get(decodeTime) ?? decodeTime;
  }

  /** Start of the last keyframe at or before `time`; earlier ones are forgotten. */
  keyframeInUse(time: number): number | undefined {
    const later = this.#keyframes.findIndex((start) => start > time);
    const used = (later < 0 ? this.#keyframes.length : later) - 1;
    if (used > 0) this.#keyframes.splice(0, used);
    return used >= 0 ? this.#keyframes[0] : undefined;
  }

  #remember(decodeTime: number, shown: number): void {
    this.#recent.set(decodeTime, shown);
    if (this.#recent.size <= RECENT) return;
    const [oldest] = this.#recent.keys();
    if (oldest !== undefined) this.#recent.delete(oldest);
  }
}
