import { type ReactNode } from "react";

import { isOver, type ApiError, type Scan } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { useHub } from "./hub.tsx";
import { number } from "./numbers.ts";
import { useToasts } from "./toasts.tsx";

/** How far a scan is, and what can be done about it. */
export function ScanProgress({ scan }: { scan: Scan }): ReactNode {
  const hub = useHub();
  const toasts = useToasts();
  const { progress, state } = scan;
  const over = isOver(scan);
  const part = progress.probes === 0 ? 0 : progress.probes_done / progress.probes;
  const line = [
    words.scanStates[state],
    words.scanDone(number(progress.addresses_done), number(progress.addresses)),
    words.scanHosts(progress.hosts, progress.open_ports),
    over && words.scanTook(number(progress.elapsed, 1)),
    state === "running" && progress.remaining !== null && words.scanRemaining(progress.remaining),
    state === "running" && words.scanRate(number(progress.rate)),
  ];
  const run = (what: Promise<unknown>): void => {
    what.catch((error: ApiError) =>
      toasts.show(words.commandFailed(words.scan, sentence(error)), { tone: "bad" }),
    );
  };
  return (
    <div className="scan__progress" data-testid="scan-progress" data-state={state}>
      <p className="entry__title">{scan.ranges.join(", ")}</p>
      {!over && <progress value={part} max={1} aria-label={words.scan} />}
      <p className="entry__line">{line.filter(Boolean).join(" · ")}</p>
      {/* The numbers change several times a second: only what becomes of it is read out. */}
      <p className="visually-hidden" role="status">
        {words.scanStates[state]}
        {over && ` ${words.scanHosts(progress.hosts, progress.open_ports)}`}
      </p>
      {scan.error && (
        <p className="entry__line" data-tone="bad" role="alert">
          {sentence(scan.error)}
        </p>
      )}
      {!over && (
        <div className="entry__actions">
          {state === "running" && (
            <button
              type="button"
              className="button button--small"
              data-testid="scan-pause"
              onClick={() => run(hub.commands.pauseScan(scan.id))}
            >
              {words.scanPause}
            </button>
          )}
          {state === "paused" && (
            <button
              type="button"
              className="button button--small"
              data-testid="scan-resume"
              onClick={() => run(hub.commands.resumeScan(scan.id))}
            >
              {words.scanResume}
            </button>
          )}
          <button
            type="button"
            className="button button--small"
            data-testid="scan-cancel"
            onClick={() => run(hub.commands.cancelScan(scan.id))}
          >
            {words.cancel}
          </button>
        </div>
      )}
    </div>
  );
}
