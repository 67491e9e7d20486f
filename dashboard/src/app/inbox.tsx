import { useState, type ReactNode } from "react";

import type { Flow } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { Dialog } from "./dialog.tsx";
import { flowTitle } from "./flow_words.ts";
import { FoundDevices } from "./found_devices.tsx";
import { useHubState } from "./hub.tsx";
import { KeyIcon } from "./icons.tsx";
import { ScanPanel } from "./scan_panel.tsx";

/** What waits for somebody: devices that were found, log-ins that were refused; the oldest first. */
export function waiting(flows: ReadonlyMap<string, Flow>): readonly Flow[] {
  return [...flows.values()]
    .filter(({ source, page }) => {
      const open = page.kind !== "done" && page.kind !== "abort";
      return open && (source === "discovery" || source === "reauth");
    })
    .sort((one, other) => one.started - other.started);
}

/** How many wait. */
export function useWaiting(): number {
  return useHubState((hub) => waiting(hub.flows).length);
}

/** What waits: log-ins that were refused, and devices on the network; and the scan for more. */
export function Inbox(props: { onClose: () => void; onOpen: (flow: Flow) => void }): ReactNode {
  const flows = useHubState((hub) => hub.flows);
  const refused = waiting(flows).filter(({ source }) => source === "reauth");
  const [scanning, setScanning] = useState(false);
  return (
    <Dialog title={words.inbox} onClose={props.onClose} testId="inbox-dialog" wide>
      {refused.length > 0 && (
        <ul className="entries" aria-live="polite">
          {refused.map((flow) => (
            <RefusedLogin key={flow.id} flow={flow} onOpen={props.onOpen} />
          ))}
        </ul>
      )}
      <div className="tabs" role="tablist" aria-label={words.inbox}>
        {[false, true].map((scan) => (
          <button
            key={String(scan)}
            type="button"
            role="tab"
            className="tab"
            id={scan ? "tab-scan" : "tab-found"}
            aria-selected={scan === scanning}
            aria-controls="tab-panel"
            data-testid={scan ? "tab-scan" : "tab-found"}
            onClick={() => setScanning(scan)}
          >
            {scan ? words.scan : words.found}
          </button>
        ))}
      </div>
      <div
        id="tab-panel"
        role="tabpanel"
        className="tab-panel"
        aria-labelledby={scanning ? "tab-scan" : "tab-found"}
      >
        {scanning ? <ScanPanel onOpen={props.onOpen} /> : <FoundDevices onOpen={props.onOpen} />}
      </div>
    </Dialog>
  );
}

/** A camera that refuses its password, and what leads to giving another one. */
function RefusedLogin(props: {
  readonly flow: Flow;
  readonly onOpen: (flow: Flow) => void;
}): ReactNode {
  const { flow } = props;
  const camera = useHubState((state) =>
    state.cameras?.find((one) => flow.entry_id && one.entry.id === flow.entry_id),
  );
  const title = flowTitle(flow, camera);
  const reason = camera?.entry.reason;
  return (
    <li className="entry" data-testid={`inbox-${flow.id}`} data-tone="bad">
      <KeyIcon />
      <div className="entry__text">
        <p className="entry__title">{title}</p>
        <p className="entry__line">
          {[words.inboxReauth, flow.integration_name].filter(Boolean).join(" · ")}
        </p>
        {reason && <p className="entry__line">{sentence(reason)}</p>}
      </div>
      <div className="entry__actions">
        <button
          type="button"
          className="button button--small button--primary"
          aria-label={`${words.logInAgain}: ${title}`}
          onClick={() => props.onOpen(flow)}
        >
          {words.logInAgain}
        </button>
      </div>
    </li>
  );
}
