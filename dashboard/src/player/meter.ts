/** Measures what is shown: which frame, when, and how many a second. */

/** Measured once a second; null is "not known", never zero. */
export interface PlayerStats {
  /** Seconds from the hub receiving a frame to the frame being shown. */
  readonly delay: number | null;
  readonly framesPerSecond: number | null;
  readonly bitsPerSecond: number | null;
  /** Seconds of media ahead of the picture. */
  readonly buffered: number | null;
  readonly rate: number;
  readonly droppedFrames: number;
  readonly stalls: number;
  readonly rebuilds: number;
  /** Hub clock minus this machine's, in milliseconds. */
  readonly clockOffset: number | null;
}

export const NO_STATS: PlayerStats = {
  delay: null,
  framesPerSecond: null,
  bitsPerSecond: null,
  buffered: null,
  rate: 1,
  droppedFrames: 0,
  stalls: 0,
  rebuilds: 0,
  clockOffset: null,
};

export interface ShownFrame {
  /** Seconds on the element's timeline. */
  readonly media: number;
  /** Milliseconds since the epoch on the steady local clock. */
  readonly at: number;
}

export class FrameMeter {
  readonly #video: HTMLVideoElement;
  readonly #onFrame: () => void;
  #callback = 0;
  #frames = 0;
  #bytes = 0;
  #since = 0;
  /** The newest frame on the screen, where the browser tells. */
  shown: ShownFrame | undefined;

  constructor(video: HTMLVideoElement, onFrame: () => void) {
    this.#video = video;
    this.#onFrame = onFrame;
  }

  /** Whether the browser tells of each frame. */
  get exact(): boolean {
    return "requestVideoFrameCallback" in this.#video;
  }

  start(now: number): void {
    this.#since = now;
    this.#frames = this.#bytes = 0;
    if (this.exact) this.#next();
  }

  stop(): void {
    if (this.#callback) this.#video.cancelVideoFrameCallback(this.#callback);
    this.#callback = 0;
    this.shown = undefined;
  }

  received(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Frames and bits a second since the last reading, once a second has passed. */
  read(now: number): { framesPerSecond: number; bitsPerSecond: number } | undefined {
    const seconds = (now - this.#since) / 1000;
    if (seconds < 1) return undefined;
    const reading = {
      framesPerSecond: this.#frames / seconds,
      bitsPerSecond: (this.#bytes * 8) / seconds,
    };
    this.#since = now;
    this.#frames = this.#bytes = 0;
    return reading;
  }

  #next(): void {
    this.#callback = this.#video.requestVideoFrameCallback((_, frame) => {
      this.#frames += 1;
      this.shown = {
        media: frame.mediaTime,
        at: performance.timeOrigin + frame.expectedDisplayTime,
      };
      this.#next();
      this.#onFrame();
    });
  }
}
