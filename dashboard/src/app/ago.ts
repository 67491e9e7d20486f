import { language } from "../i18n/index.ts";

const STEPS: readonly (readonly [number, Intl.RelativeTimeFormatUnit])[] = [
  [60, "second"],
  [3_600, "minute"],
  [86_400, "hour"],
  [Infinity, "day"],
];

/** How long ago `at` was, both in seconds since the epoch: "5 minutes ago". */
export function ago(at: number, now: number): string {
  const past = Math.max(0, now - at);
  const format = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  let unit = 1;
  for (const [limit, name] of STEPS) {
    if (past < limit) return format.format(-Math.floor(past / unit), name);
    unit = limit;
  }
  return "";
}
