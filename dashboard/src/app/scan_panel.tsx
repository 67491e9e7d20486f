import { useState, type ReactNode } from "react";

import { showing, type ApiError, type Flow, type Scan, type ScanRequest } from "../client/index.ts";
import { words } from "../i18n/index.ts";
import { useHub } from "./hub.tsx";
import { ScanForm } from "./scan_form.tsx";
import { ScanHistory } from "./scan_history.tsx";
import { ScanProgress } from "./scan_progress.tsx";
import { ScanResults } from "./scan_results.tsx";
import { useFound, useScans } from "./use_found.ts";

/** Looks at each address of a network: for where nothing announces itself. */
export function ScanPanel({ onOpen }: { onOpen: (flow: Flow) => void }): ReactNode {
  const hub = useHub();
  const told = useFound();
  const found = told === "refused" ? undefined : told;
  const [scans, change] = useScans();
  const [failure, setFailure] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const [asked, setAsked] = useState<{ readonly request: ScanRequest; readonly scan: Scan }>();
  if (scans === "refused") return <p className="form__text">{words.scanRefused}</p>;

  const show = async (scan: Scan): Promise<void> => {
    const results = await hub.commands.scanResults(scan.id);
    change((before) => showing(before, scan, results));
  };
  const run = (what: Promise<unknown>): void => {
    setBusy(true);
    setFailure(undefined);
    what
      .catch((error: ApiError) => setFailure(error))
      .finally(() => setBusy(false));
  };
  const start = (request: ScanRequest): void => {
    setAsked(undefined);
    const begin = async (): Promise<void> => {
      const scan = await hub.commands.startScan(request);
      setAsked({ request, scan });
      await show(scan);
    };
    run(begin());
  };
  const shown = scans?.scans.find(({ id }) => id === scans.shown);
  const cached = asked?.scan.cached && asked.scan.id === shown?.id ? asked : undefined;
  return (
    <div className="scan">
      <ScanForm
        interfaces={found?.status.interfaces ?? []}
        failure={failure}
        busy={busy}
        onStart={start}
      />
      {cached && (
        <p className="notice" data-testid="scan-cached">
          {words.scanCached(Math.round(cached.scan.age))}{" "}
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            // What was scanned before was confirmed then.
            onClick={() => start({ ...cached.request, force: true, confirmed: true })}
          >
            {words.scanAnew}
          </button>
        </p>
      )}
      {shown && <ScanProgress scan={shown} />}
      {scans && shown && (
        <ScanResults
          scan={shown}
          results={scans.results}
          devices={found?.devices.values() ?? []}
          onOpen={onOpen}
        />
      )}
      {scans && (
        <ScanHistory
          scans={scans.scans}
          shown={scans.shown}
          onShow={(scan) => run(show(scan))}
        />
      )}
    </div>
  );
}
