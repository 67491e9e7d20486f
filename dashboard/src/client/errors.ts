import type { FieldError } from "./types.ts";

/** The hub refused, or could not be reached (`code` is then `HUB_UNREACHABLE`). */
export class ApiError extends Error {
  readonly code: string;
  /** HTTP status; 0 for an answer over WebSocket or no answer at all. */
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, code: string, status = 0, details: unknown = {}) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
    this.details =
      typeof details === "object" && details !== null ? (details as Record<string, unknown>) : {};
  }

  /** Faults that belong to fields of what was sent; empty when there are none. */
  get fields(): readonly FieldError[] {
    const errors = this.details["errors"];
    if (!Array.isArray(errors)) return [];
    return errors.filter(
      (error: unknown): error is FieldError =>
        typeof error === "object" &&
        error !== null &&
        typeof (error as FieldError).key === "string" &&
        typeof (error as FieldError).message === "string",
    );
  }
}

export const HUB_UNREACHABLE = "HUB_UNREACHABLE";
