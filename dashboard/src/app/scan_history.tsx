import { type ReactNode } from "react";

import type { Scan } from "../client/index.ts";
import { words } from "../i18n/index.ts";
import { ago } from "./ago.ts";
import { useNow } from "./clock.ts";

/** Earlier scans, and those that wait: each can be looked at. */
export function ScanHistory(props: {
  readonly scans: readonly Scan[];
  readonly shown: string | null;
  readonly onShow: (scan: Scan) => void;
}): ReactNode {
  const now = useNow(10_000);
  const others = props.scans.filter(({ id }) => id !== props.shown);
  if (others.length === 0) return null;
  return (
    <details className="folded">
      <summary data-testid="scan-history">{words.scanHistory}</summary>
      <ul className="entries">
        {others.map((scan) => {
          const ranges = scan.ranges.join(", ");
          const when = ago(scan.started, now);
          return (
            <li key={scan.id} className="entry">
              <div className="entry__text">
                <p className="entry__title">{ranges}</p>
                <p className="entry__line">
                  {[
                    when,
                    words.scanStates[scan.state],
                    words.scanProfileNames[scan.profile] ?? scan.profile,
                    words.scanHosts(scan.progress.hosts, scan.progress.open_ports),
                  ].join(" · ")}
                </p>
              </div>
              <div className="entry__actions">
                <button
                  type="button"
                  className="button button--small"
                  aria-label={`${words.scanShow}: ${ranges}, ${when}`}
                  onClick={() => props.onShow(scan)}
                >
                  {words.scanShow}
                </button>
              </div>
            </li>
          );
        })}
      </ul>
    </details>
  );
}
