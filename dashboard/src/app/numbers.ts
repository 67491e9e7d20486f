import { language, words } from "../i18n/index.ts";

const formatters = new Map<number, Intl.NumberFormat>();

/** The number in the page's language, or a dash when it is not known. */
export function number(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return words.unknown;
  let formatter = formatters.get(digits);
  if (!formatter) {
    formatter = new Intl.NumberFormat(language, {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
    formatters.set(digits, formatter);
  }
  return formatter.format(value);
}

/** Frames a second: whole numbers where they are whole enough. */
export function frames(value: number | null | undefined): string {
  if (value === null || value === undefined) return words.unknown;
  return number(value, Math.abs(value - Math.round(value)) < 0.15 ? 0 : 1);
}

/** Bits a second, as kb/s or Mb/s. */
export function bitrate(value: number | null | undefined): string {
  if (value === null || value === undefined) return words.unknown;
  if (value < 999_500) return `${number(value / 1000)} kb/s`;
  return `${number(value / 1_000_000, 1)} Mb/s`;
}

/** Bytes, as MB. */
export function megabytes(value: number | null | undefined): string {
  return value === null || value === undefined ? words.unknown : `${number(value / 1e6)} MB`;
}

/** Seconds, with two decimals. */
export function seconds(value: number | null | undefined): string {
  return value === null || value === undefined ? words.unknown : `${number(value, 2)} s`;
}

/** Milliseconds, with one decimal. */
export function milliseconds(value: number | null | undefined): string {
  return value === null || value === undefined ? words.unknown : `${number(value, 1)} ms`;
}
