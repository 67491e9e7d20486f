import { useState, type FormEvent, type ReactNode } from "react";

import { showing, type ApiError, type Flow, type Scan, type ScanRequest } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { ago } from "./ago.ts";
import { useNow } from "./clock.ts";
import { Field } from "./field.tsx";
import { useHub } from "./hub.tsx";
import { ScanResults } from "./scan_results.tsx";
import { useFound, useScans } from "./use_found.ts";

const PROFILES = ["quick", "normal", "deep"] as const;
/** What the hub refuses unless it is confirmed. */
const TOO_LARGE = "SCAN_TOO_LARGE";

/** Looks at each address of a network: for where nothing announces itself. */
export function ScanPanel({ onOpen }: { onOpen: (flow: Flow) => void }): ReactNode {
  const hub = useHub();
  const told = useFound();
  const found = told === "refused" ? undefined : told;
  const [known, change] = useScans();
  const [ranges, setRanges] = useState<string>();
  const [profile, setProfile] = useState<(typeof PROFILES)[number]>("quick");
  const [failure, setFailure] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<Scan>();

  if (known === "refused") return <p className="form__text">{words.scanRefused}</p>;
  const scans = known;
  const own = (found?.status.interfaces ?? []).map(({ network }) => network).join(", ");
  const text = ranges ?? own;
  const start = async (more: Partial<ScanRequest> = {}): Promise<void> => {
    setBusy(true);
    setFailure(undefined);
    try {
      const scan = await hub.commands.startScan({ ranges: text, profile, ...more });
      setAnswer(scan);
      if (scan.cached) await show(scan);
    } catch (error) {
      setFailure(error as ApiError);
    } finally {
      setBusy(false);
    }
  };
  const show = async (scan: Scan): Promise<void> => {
    try {
      const results = await hub.commands.scanResults(scan.id);
      change((before) => showing(before, scan.id, results));
    } catch (error) {
      setFailure(error as ApiError);
    }
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setAnswer(undefined);
    void start();
  };
  const shown = scans?.scans.find(({ id }) => id === scans.shown);
  const cached = answer?.cached && answer.id === shown?.id ? answer : undefined;
  return (
    <div className="scan">
      <form className="scan__form" data-testid="scan-form" onSubmit={submit}>
        <p className="form__text">{words.scanText}</p>
        <Field
          label={words.scanRanges}
          name="ranges"
          value={text}
          hint={words.scanRangesHint}
          placeholder="192.0.2.0/24"
          error={failure && failure.code !== TOO_LARGE ? sentence(failure) : undefined}
          onChange={setRanges}
        />
        <label className="scan__profile">
          <span>{words.scanProfile}</span>
          <select
            name="profile"
            value={profile}
            onChange={(event) => setProfile(event.target.value as typeof profile)}
          >
            {PROFILES.map((one) => (
              <option key={one} value={one}>
                {words.scanProfiles[one]}
              </option>
            ))}
          </select>
        </label>
        <button
          type="submit"
          className="button button--primary"
          disabled={busy || text.trim() === ""}
          data-testid="scan-start"
        >
          {words.scanStart}
        </button>
      </form>
      {failure?.code === TOO_LARGE && (
        <p className="notice" role="alert" data-testid="scan-confirm">
          {sentence(failure)}{" "}
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            onClick={() => void start({ confirmed: true })}
          >
            {words.scanAnyway}
          </button>
        </p>
      )}
      {cached && (
        <p className="notice" data-testid="scan-cached">
          {words.scanCached(Math.round(cached.age))}{" "}
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            onClick={() => void start({ force: true, confirmed: true })}
          >
            {words.scanAnew}
          </button>
        </p>
      )}
      {shown && <Progress scan={shown} />}
      {scans && shown && (
        <ScanResults
          scan={shown}
          results={[...scans.results.values()]}
          devices={[...(found?.devices.values() ?? [])]}
          onOpen={onOpen}
        />
      )}
      {scans && <History scans={scans.scans} shown={scans.shown} onShow={(one) => void show(one)} />}
    </div>
  );
}

/** How far a scan is, and what can be done about it. */
function Progress({ scan }: { scan: Scan }): ReactNode {
  const hub = useHub();
  const { progress, state } = scan;
  const active = state === "running" || state === "paused" || state === "queued";
  const part = progress.probes === 0 ? 0 : progress.probes_done / progress.probes;
  const ignore = (): undefined => undefined; // it is over already: the next event says so
  return (
    <div className="scan__progress" data-testid="scan-progress" data-state={state}>
      <p className="entry__line" role="status">
        {[
          words.scanStates[state],
          words.scanDone(progress.addresses_done, progress.addresses),
          words.scanHosts(progress.hosts, progress.open_ports),
          active && progress.remaining !== null && words.scanRemaining(progress.remaining),
          !active && words.scanTook(progress.elapsed),
        ]
          .filter(Boolean)
          .join(" · ")}
      </p>
      {scan.error && (
        <p className="entry__line" data-tone="bad" role="alert">
          {sentence(scan.error)}
        </p>
      )}
      {active && (
        <>
          <progress value={part} max={1} aria-label={words.scan} />
          <div className="entry__actions">
            {state === "running" && (
              <button
                type="button"
                className="button button--small"
                data-testid="scan-pause"
                onClick={() => void hub.commands.pauseScan(scan.id).catch(ignore)}
              >
                {words.scanPause}
              </button>
            )}
            {state === "paused" && (
              <button
                type="button"
                className="button button--small"
                data-testid="scan-resume"
                onClick={() => void hub.commands.resumeScan(scan.id).catch(ignore)}
              >
                {words.scanResume}
              </button>
            )}
            <button
              type="button"
              className="button button--small"
              data-testid="scan-cancel"
              onClick={() => void hub.commands.cancelScan(scan.id).catch(ignore)}
            >
              {words.cancel}
            </button>
          </div>
        </>
      )}
    </div>
  );
}

/** Earlier scans: each can be looked at again. */
function History(props: {
  readonly scans: readonly Scan[];
  readonly shown: string | null;
  readonly onShow: (scan: Scan) => void;
}): ReactNode {
  const now = useNow(10_000);
  if (props.scans.length < 2) return null;
  return (
    <details className="folded">
      <summary data-testid="scan-history">{words.scanHistory}</summary>
      <ul className="entries">
        {props.scans.map((scan) => (
          <li key={scan.id} className="entry">
            <div className="entry__text">
              <p className="entry__title">{scan.ranges.join(", ")}</p>
              <p className="entry__line">
                {[
                  ago(scan.started, now),
                  words.scanStates[scan.state],
                  words.scanHosts(scan.progress.hosts, scan.progress.open_ports),
                ].join(" · ")}
              </p>
            </div>
            <div className="entry__actions">
              <button
                type="button"
                className="button button--small"
                disabled={scan.id === props.shown}
                onClick={() => props.onShow(scan)}
              >
                {words.scanShow}
              </button>
            </div>
          </li>
        ))}
      </ul>
    </details>
  );
}
