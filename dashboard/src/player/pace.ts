/**
 * Decides how fast to play so that the buffered media ahead of the picture stays near a target.
 *
 * Pure: it is told what is buffered, and answers what to do. All times are seconds.
 */

export interface PaceOptions {
  /** Media that should be buffered ahead of the picture. */
  readonly target: number;
  /** The most the target may grow to on a jittery network. */
  readonly maximum: number;
  /** More than this behind: jump instead of playing faster. */
  readonly farBehind: number;
}

export const DEFAULT_PACE: PaceOptions = { target: 0.25, maximum: 0.6, farBehind: 1.0 };

export const SLOWEST = 0.97;
export const FASTEST = 1.1;

/** Leave the rate alone within this distance of the target … */
const TOLERANCE = 0.08;
/** … and once correcting, go on until this close. */
const SETTLED = 0.02;
/** After a jump, let the decoder catch up before judging again. */
const JUMP_PAUSE = 2.0;
/** Seconds of media; a stall asks for more, and quiet gives it back. */
const STALL_STEP = 0.1;
const RELAX_STEP = 0.05;
const RELAX_AFTER = 5;

export type Pacing =
  | { readonly action: "rate"; readonly rate: number }
  | { readonly action: "jump" };

export class Pace {
  #target: number;
  #smoothed: number | undefined;
  #frame = 0;
  #correcting = false;
  #jumpedAt = -Infinity;
  #easedAt = 0;
  readonly #options: PaceOptions;

  constructor(options: Partial<PaceOptions> = {}) {
    this.#options = { ...DEFAULT_PACE, ...options };
    this.#target = this.#options.target;
  }

  /** What should be ahead of the picture now: never less than a frame and a half. */
  get target(): number {
    return Math.max(this.#target, this.#frame * 1.5 + 0.1);
  }

  /** The last frame came this long after the one before; slow streams need a larger target. */
  frame(duration: number): void {
    if (duration <= 0 || duration > 10) return;
    this.#frame = this.#frame === 0 ? duration : this.#frame * 0.9 + duration * 0.1;
  }

  /** The buffer ran dry at `now`: ask for more from here on. */
  stalled(now: number): void {
    this.#target = Math.min(this.#options.maximum, this.#target + STALL_STEP);
    this.#easedAt = now;
    this.#smoothed = undefined;
  }

  /** The picture was moved at `now`. */
  jumped(now: number): void {
    this.#jumpedAt = now;
    this.#smoothed = undefined;
    this.#correcting = false;
  }

  /** `level` seconds are buffered ahead of the picture at time `now`. */
  decide(level: number, now: number): Pacing {
    if (this.#target > this.#options.target && now - this.#easedAt > RELAX_AFTER) {
      this.#target = Math.max(this.#options.target, this.#target - RELAX_STEP);
      this.#easedAt = now;
    }
    const target = this.target;
    const farBehind = Math.max(this.#options.farBehind, target + 0.6);
    if (level > farBehind && now - this.#jumpedAt > JUMP_PAUSE) return { action: "jump" };

    // The level saws by one frame with each arrival: judge its middle, not its edges.
    this.#smoothed =
      this.#smoothed === undefined ? level : this.#smoothed * 0.7 + level * 0.3;
    const error = this.#smoothed - target;
    const distance = Math.abs(error);
    if (distance > TOLERANCE) this.#correcting = true;
    else if (distance < SETTLED) this.#correcting = false;
    if (!this.#correcting) return { action: "rate", rate: 1 };
    const wanted = error > 0 ? 1 + Math.max(0.02, error * 0.2) : 1 + Math.min(-0.01, error * 0.2);
    const rate = Math.min(FASTEST, Math.max(SLOWEST, wanted));
    return { action: "rate", rate: Math.round(rate * 100) / 100 };
  }
}
