/** The JSON of what cameras are asked to do, and of what they report. */

/**
 * Each from -1 to 1, positive to the right, up, and in: a part of full speed, or of the range. What
 * is left out stays as it is.
 */
export interface PtzVector {
  readonly pan?: number;
  readonly tilt?: number;
  readonly zoom?: number;
}

export interface Preset {
  readonly id: string;
  readonly name: string;
}

export type DayNight = "auto" | "day" | "night";

export interface Imaging {
  /** null: the camera has no such thing. */
  readonly day_night: DayNight | null;
  /** Whether the lamp is on. */
  readonly light: boolean | null;
}
