import { useEffect, useState, type ReactNode } from "react";

import type {
  ApiError,
  Device,
  Flow,
  Scan,
  ScanComparison,
  ScanResult,
} from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { useHub } from "./hub.tsx";
import { useToasts } from "./toasts.tsx";

/** What a scan found, as it comes; with what is new and what is gone since the one before. */
export function ScanResults(props: {
  readonly scan: Scan;
  readonly results: readonly ScanResult[];
  readonly devices: readonly Device[];
  readonly onOpen: (flow: Flow) => void;
}): ReactNode {
  const { scan, results, devices } = props;
  const compared = useComparison(scan);
  if (results.length === 0) {
    return scan.state === "finished" ? <p className="form__text">{words.scanNothing}</p> : null;
  }
  const sorted = [...results].sort((one, other) =>
    one.host.localeCompare(other.host, undefined, { numeric: true }),
  );
  return (
    <div className="scan__scroll">
      <table className="scan__results" data-testid="scan-results">
        <caption className="visually-hidden">{words.scan}</caption>
        <thead>
          <tr>
            <th scope="col">{words.scanAddress}</th>
            <th scope="col">{words.scanDevice}</th>
            <th scope="col">{words.scanPorts}</th>
            <th scope="col">{words.scanEvidence}</th>
            <th scope="col">
              <span className="visually-hidden">{words.inboxAdd}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((result) => (
            <Row
              key={result.host}
              result={result}
              isNew={compared?.new.includes(result.host) ?? false}
              device={devices.find(({ host, state }) => host === result.host && state !== "ignored")}
              onOpen={props.onOpen}
            />
          ))}
          {compared?.gone.map((result) => (
            <tr key={`gone ${result.host}`} data-gone="">
              <td>{result.host}</td>
              <td>{named(result)}</td>
              <td>{result.ports.join(", ")}</td>
              <td colSpan={2}>{words.scanGone}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row(props: {
  readonly result: ScanResult;
  readonly isNew: boolean;
  readonly device: Device | undefined;
  readonly onOpen: (flow: Flow) => void;
}): ReactNode {
  const hub = useHub();
  const toasts = useToasts();
  const { result, device } = props;
  const add = (): void => {
    if (!device) return;
    hub.commands.adoptDevice(device.id).then(props.onOpen, (error: ApiError) =>
      toasts.show(words.commandFailed(result.host, sentence(error)), { tone: "bad" }),
    );
  };
  return (
    <tr data-host={result.host}>
      <td>
        {result.host}{" "}
        {props.isNew && <span className="badge badge--plain">{words.scanNew}</span>}
      </td>
      <td>{named(result) || words.scanUnknown}</td>
      <td>{result.ports.join(", ")}</td>
      <td>{result.evidence.join("; ")}</td>
      <td>
        {device?.state === "configured" ? (
          words.scanInUse
        ) : device && device.integration !== null ? (
          <button
            type="button"
            className="button button--small"
            aria-label={`${words.inboxAdd}: ${result.host}`}
            onClick={add}
          >
            {words.inboxAdd}
          </button>
        ) : null}
      </td>
    </tr>
  );
}

function named(result: ScanResult): string {
  const known = [result.manufacturer, result.model].filter(Boolean).join(" ");
  return known || result.name || "";
}

/** What differs from the scan of the same before it, once this one is over. */
function useComparison(scan: Scan): ScanComparison | undefined {
  const hub = useHub();
  const [told, setTold] = useState<{ id: string; comparison: ScanComparison }>();
  const over = scan.state === "finished";
  useEffect(() => {
    if (!over) return undefined;
    let wanted = true;
    hub.commands.compareScan(scan.id).then(
      (comparison) => {
        if (wanted) setTold({ id: scan.id, comparison });
      },
      () => undefined, // there is none to compare with
    );
    return () => {
      wanted = false;
    };
  }, [hub, scan.id, over]);
  const compared = told?.id === scan.id ? told.comparison : undefined;
  return compared?.before === null ? undefined : compared;
}
