/**
 * Maps media time to the hub's wall clock, so that the delay of a shown picture can be measured.
 *
 * The hub tells when a frame with a known decode time arrived there (`frame`), and what its clock
 * reads (`pong`). Neither is guessed: without both, the delay is unknown. Times are milliseconds;
 * `local` times come from one steady local clock.
 */

interface Sample {
  readonly offset: number;
  readonly roundTrip: number;
  readonly at: number;
}

const KEPT = 12;
const SAMPLE_LIFE = 60_000;
const FRAME_LIFE = 6_000;

export class SourceClock {
  #samples: Sample[] = [];
  #frame: { media: number; received: number; at: number } | undefined;

  /** A ping sent at local time `sent` was answered with the hub's time, and read at `received`. */
  pong(sent: number, received: number, hub: number): void {
    if (!Number.isFinite(hub) || received < sent) return;
    const roundTrip = received - sent;
    this.#samples.push({ offset: hub - (sent + received) / 2, roundTrip, at: received });
    if (this.#samples.length > KEPT) this.#samples.shift();
  }

  /** The frame at `media` seconds arrived at the hub when its clock read `received`. */
  frame(media: number, received: number, local: number): void {
    if (Number.isFinite(media) && Number.isFinite(received)) {
      this.#frame = { media, received, at: local };
    }
  }

  /** A new connection: media times before it mean nothing any more. */
  forgetFrames(): void {
    this.#frame = undefined;
  }

  /** Hub clock minus local clock, from the quickest recent round trip. */
  offset(local: number): number | undefined {
    this.#samples = this.#samples.filter((sample) => local - sample.at < SAMPLE_LIFE);
    let best: Sample | undefined;
    for (const sample of this.#samples) {
      if (!best || sample.roundTrip <= best.roundTrip) best = sample;
    }
    return best?.offset;
  }

  /** Seconds from the hub receiving the picture at `media` to its being shown at `local`. */
  delay(media: number, local: number): number | undefined {
    const offset = this.offset(local);
    const frame = this.#frame;
    if (offset === undefined || !frame || local - frame.at > FRAME_LIFE) return undefined;
    const received = frame.received + (media - frame.media) * 1000;
    const delay = (local + offset - received) / 1000;
    // Beyond a minute, or well below zero, the two clocks do not belong to the same picture.
    return delay > -0.25 && delay < 60 ? Math.max(0, delay) : undefined;
  }
}
