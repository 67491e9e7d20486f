/** Exponential back-off with full jitter. Milliseconds. */
export class Backoff {
  #failures = 0;
  readonly #first: number;
  readonly #cap: number;
  readonly #random: () => number;

  constructor(first = 500, cap = 15_000, random: () => number = Math.random) {
    this.#first = first;
    this.#cap = cap;
    this.#random = random;
  }

  /** How many times in a row it failed. */
  get failures(): number {
    return this.#failures;
  }

  /** How long to wait before the next try; never less than half the first wait. */
  next(): number {
    const ceiling = Math.min(this.#cap, this.#first * 2 ** this.#failures);
    this.#failures += 1;
    return Math.max(this.#first / 2, ceiling * this.#random());
  }

  reset(): void {
    this.#failures = 0;
  }
}
