/** What is said of scans and what they find, in the page's language. Pure. */

import type { NetworkInterface, ScanComparison, ScanResult } from "../client/index.ts";
import { words } from "../i18n/index.ts";

/** Networks with more addresses than a /20 are not proposed whole. */
const WIDEST = 20;

/** What is proposed to be scanned: the hub's own IPv4 networks, of wide ones what is near it. */
export function ownRanges(interfaces: readonly NetworkInterface[]): string {
  const ranges = interfaces
    .filter(({ address }) => /^\d+(\.\d+){3}$/.test(address))
    .map(({ address, network }) => {
      const prefix = Number(network.split("/")[1] ?? 32);
      return prefix >= WIDEST ? network : `${address.replace(/\d+$/, "0")}/24`;
    });
  return [...new Set(ranges)].join(", ");
}

/** What a scan says a host is: brand and model, or its name. */
export function resultTitle({ manufacturer, model, name }: ScanResult): string {
  const known = [manufacturer, model].filter(Boolean).join(" ");
  return known || name || "";
}

/** What differs from the scan before, in one line; undefined where there is nothing to compare. */
export function comparisonText(compared: ScanComparison): string | undefined {
  if (compared.before === null) return undefined;
  const { new: come, gone, changed } = compared;
  if (come.length + gone.length + changed.length === 0) return words.scanSame;
  return words.scanDiffers(come.length, gone.length, changed.length);
}

/** Results by address: 192.0.2.5 comes before 192.0.2.44. */
export function byAddress(results: Iterable<ScanResult>): readonly ScanResult[] {
  return [...results].sort((one, other) =>
    one.host.localeCompare(other.host, undefined, { numeric: true }),
  );
}
