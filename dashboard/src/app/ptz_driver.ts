/** Moves a camera for as long as somebody holds on to it, and surely stops it then. */

import type { PtzVector } from "../client/index.ts";

export interface Mover {
  /** Move that way, instead of any other. */
  begin(vector: PtzVector): void;
  /** Stand still. */
  end(): void;
}

interface Commands {
  readonly move: (velocity: PtzVector) => Promise<unknown>;
  readonly stop: () => Promise<unknown>;
  readonly onError: (error: unknown) => void;
}

/** The hub stops a movement that nobody renews within five seconds. */
const RENEW = 2_000;

/** Continuous movement: told to begin, renewed, and told to stop. */
export class PtzDriver implements Mover {
  readonly #commands: Commands;
  #wanted: PtzVector | undefined;
  #moving = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(commands: Commands) {
    this.#commands = commands;
  }

  begin(vector: PtzVector): void {
    if (this.#wanted && JSON.stringify(vector) === JSON.stringify(this.#wanted)) return;
    this.#wanted = vector;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      if (this.#moving === 0) this.#move(vector);
    }, RENEW);
    this.#move(vector);
  }

  end(): void {
    clearInterval(this.#timer);
    if (!this.#wanted) return;
    this.#wanted = undefined;
    this.#stop();
  }

  #move(vector: PtzVector): void {
    this.#moving += 1;
    this.#commands
      .move(vector)
      .catch((error: unknown) => {
        this.#commands.onError(error);
        this.end(); // it may have begun to move all the same
      })
      .finally(() => {
        this.#moving -= 1;
        // A slow camera may have taken the stop before the movement that it was meant for.
        if (!this.#wanted && this.#moving === 0) this.#stop();
      });
  }

  #stop(): void {
    this.#commands.stop().catch((error: unknown) => this.#commands.onError(error));
  }
}

/** What a camera that moves only by a given way does at a press, of its whole range. */
const STEP = 0.1;

/** Movement by steps. */
export class PtzStepper implements Mover {
  readonly #moveBy: (translation: PtzVector) => Promise<unknown>;
  readonly #onError: (error: unknown) => void;

  constructor(
    moveBy: (translation: PtzVector) => Promise<unknown>,
    onError: (error: unknown) => void,
  ) {
    this.#moveBy = moveBy;
    this.#onError = onError;
  }

  begin(vector: PtzVector): void {
    const step = Object.fromEntries(
      Object.entries(vector).map(([axis, value]: [string, number]) => [axis, value * STEP]),
    );
    this.#moveBy(step).catch(this.#onError);
  }

  end(): void {
    // A step ends by itself.
  }
}

export type Direction = "up" | "down" | "left" | "right" | "in" | "out";

/** The velocity of all directions that are held at once; null: none. */
export function velocity(held: Iterable<Direction>, speed: number): PtzVector | null {
  let pan = 0;
  let tilt = 0;
  let zoom = 0;
  for (const direction of held) {
    if (direction === "left") pan -= speed;
    if (direction === "right") pan += speed;
    if (direction === "up") tilt += speed;
    if (direction === "down") tilt -= speed;
    if (direction === "in") zoom += speed;
    if (direction === "out") zoom -= speed;
  }
  if (pan === 0 && tilt === 0 && zoom === 0) return null;
  return {
    ...(pan || tilt ? { pan, tilt } : {}),
    ...(zoom ? { zoom } : {}),
  };
}
