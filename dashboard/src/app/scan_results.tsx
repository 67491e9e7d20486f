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
import { byAddress, comparisonText, resultTitle } from "./scan_words.ts";
import { useToasts } from "./toasts.tsx";

type Change = ScanComparison["changed"][number];

/** What a scan found, as it comes; with what differs from the one before. */
export function ScanResults(props: {
  readonly scan: Scan;
  readonly results: ReadonlyMap<string, ScanResult>;
  readonly devices: Iterable<Device>;
  readonly onOpen: (flow: Flow) => void;
}): ReactNode {
  const { scan, results } = props;
  const compared = useComparison(scan);
  const gone = compared?.gone ?? [];
  const devices = devicesByHost(props.devices);
  if (results.size === 0 && gone.length === 0) {
    return scan.state === "finished" ? <p className="form__text">{words.scanNothing}</p> : null;
  }
  return (
    <div className="scan__scroll">
      {compared && (
        <p className="form__text" role="status" data-testid="scan-comparison">
          {comparisonText(compared)}
        </p>
      )}
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
          {byAddress(results.values()).map((result) => (
            <Row
              key={result.host}
              result={result}
              isNew={compared?.new.includes(result.host) ?? false}
              change={compared?.changed.find(({ host }) => host === result.host)}
              device={devices.get(result.host)}
              onOpen={props.onOpen}
            />
          ))}
          {gone.map((result) => (
            <tr key={`gone ${result.host}`} data-gone="">
              <td>{result.host}</td>
              <td>{resultTitle(result)}</td>
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
  readonly change: Change | undefined;
  readonly device: Device | undefined;
  readonly onOpen: (flow: Flow) => void;
}): ReactNode {
  const { result, change, device } = props;
  return (
    <tr data-host={result.host}>
      <td>
        {result.host}{" "}
        {props.isNew && <span className="badge badge--plain">{words.scanNew}</span>}
      </td>
      <td>{resultTitle(result) || words.scanUnknown}</td>
      <td className="scan__ports" data-label={words.scanPorts}>
        {result.ports.join(", ")}
        {change && <span className="scan__change">{changeText(change)}</span>}
      </td>
      <td>
        <Evidence result={result} />
      </td>
      <td>
        {device && <AddFound device={device} host={result.host} onOpen={props.onOpen} />}
      </td>
    </tr>
  );
}

/** The first thing that speaks for what it is; the rest when it is asked for. */
function Evidence({ result }: { result: ScanResult }): ReactNode {
  const open = result.rtsp.filter((answer) => answer.open && answer.path);
  const paths = open.map(({ port, path }) => words.scanOpenStream(port, path ?? ""));
  const [first, ...more] = [...result.evidence, ...paths];
  if (first === undefined) return null;
  if (more.length === 0) return first;
  return (
    <details className="found__evidence">
      <summary>{first}</summary>
      <ul>
        {more.map((one) => (
          <li key={one}>{one}</li>
        ))}
      </ul>
    </details>
  );
}

function AddFound(props: {
  readonly device: Device;
  readonly host: string;
  readonly onOpen: (flow: Flow) => void;
}): ReactNode {
  const { device } = props;
  const hub = useHub();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  if (device.state === "configured") return words.scanInUse;
  if (device.integration === null) return null;
  const add = (): void => {
    setBusy(true);
    hub.commands
      .adoptDevice(device.id)
      .then((flow) => {
        hub.putFlow(flow);
        props.onOpen(flow);
      })
      .catch((error: ApiError) =>
        toasts.show(words.commandFailed(props.host, sentence(error)), { tone: "bad" }),
      )
      .finally(() => setBusy(false));
  };
  return (
    <button
      type="button"
      className="button button--small"
      disabled={busy || device.adopting}
      aria-label={`${words.inboxAdd}: ${props.host}`}
      onClick={add}
    >
      {words.inboxAdd}
    </button>
  );
}

function changeText({ opened, closed }: Change): string {
  return [
    opened.length > 0 && words.scanOpened(opened.join(", ")),
    closed.length > 0 && words.scanClosed(closed.join(", ")),
  ]
    .filter(Boolean)
    .join("; ");
}

/** The device at each address; of several, one that can be added. */
function devicesByHost(devices: Iterable<Device>): ReadonlyMap<string, Device> {
  const known = new Map<string, Device>();
  for (const device of devices) {
    if (known.get(device.host)?.state !== "new") known.set(device.host, device);
  }
  return known;
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
      () => undefined, // it is so long ago that the hub does not remember it
    );
    return () => {
      wanted = false;
    };
  }, [hub, scan.id, over]);
  const compared = told?.id === scan.id ? told.comparison : undefined;
  return compared?.before === null ? undefined : compared;
}
