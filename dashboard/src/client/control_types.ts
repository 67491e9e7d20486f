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

/** Something that a camera reported. */
export interface CameraEvent {
  readonly kind: "event";
  /** null: of a recorder itself, whose entry is `entry_id` then. */
  readonly camera_id: string | null;
  readonly entry_id?: string;
  readonly event: ReportedEvent;
  /** When the hub got it, seconds since the epoch on its clock. */
  readonly received: number;
}

/** What goes on when somebody begins to listen. */
export interface ActiveEvents {
  readonly kind: "snapshot";
  readonly active: readonly { readonly camera_id: string; readonly event: ReportedEvent }[];
}

export interface ReportedEvent {
  /** "motion", "doorbell", "line_crossing" … */
  readonly kind: string;
  /** Whether it begins or ends; null for what has no duration, such as a ring. */
  readonly active: boolean | null;
  /** When the camera says it was, seconds since the epoch; null if it does not. */
  readonly at: number | null;
  /** Tells several of a kind apart: a rule, a zone, an input. */
  readonly source: string;
  /** What else the camera sent along. */
  readonly data: Readonly<Record<string, unknown>>;
  /** Some kinds have more, such as `object_type`. */
  readonly [more: string]: unknown;
}
