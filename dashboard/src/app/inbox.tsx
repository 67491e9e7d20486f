import { useRef, useState, type KeyboardEvent, type ReactNode } from "react";

import type { Flow } from "../client/index.ts";
import { words } from "../i18n/index.ts";
import { Dialog } from "./dialog.tsx";
import { RefusedLogin } from "./flow_entry.tsx";
import { FoundDevices } from "./found_devices.tsx";
import { useHubState } from "./hub.tsx";
import { ScanPanel } from "./scan_panel.tsx";
import { waiting } from "./waiting.ts";

const TABS = ["found", "scan"] as const;
type Tab = (typeof TABS)[number];

/** What waits: log-ins that were refused, and devices on the network; and the scan for more. */
export function Inbox(props: { onClose: () => void; onOpen: (flow: Flow) => void }): ReactNode {
  const flows = useHubState((hub) => hub.flows);
  const refused = waiting(flows).filter(({ source }) => source === "reauth");
  const [tab, setTab] = useState<Tab>("found");
  return (
    <Dialog title={words.inbox} onClose={props.onClose} testId="inbox-dialog" wide>
      {refused.length > 0 && (
        <ul className="entries" aria-live="polite">
          {refused.map((flow) => (
            <RefusedLogin key={flow.id} flow={flow} onOpen={props.onOpen} />
          ))}
        </ul>
      )}
      <Tabs shown={tab} onShow={setTab} />
      <div id="tab-panel" role="tabpanel" className="tab-panel" aria-labelledby={`tab-${tab}`}>
        {tab === "scan" ? (
          <ScanPanel onOpen={props.onOpen} />
        ) : (
          <FoundDevices onOpen={props.onOpen} />
        )}
      </div>
    </Dialog>
  );
}

/** One of them is shown; by keys, the arrows go from one to the next. */
function Tabs({ shown, onShow }: { shown: Tab; onShow: (tab: Tab) => void }): ReactNode {
  const list = useRef<HTMLDivElement>(null);
  const press = (event: KeyboardEvent): void => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    // With two, the next one is also the one before.
    const next = shown === "found" ? "scan" : "found";
    onShow(next);
    list.current?.querySelector<HTMLElement>(`#tab-${next}`)?.focus();
  };
  return (
    <div ref={list} className="tabs" role="tablist" aria-label={words.inbox} onKeyDown={press}>
      {TABS.map((tab) => (
        <button
          key={tab}
          type="button"
          role="tab"
          className="tab"
          id={`tab-${tab}`}
          tabIndex={tab === shown ? 0 : -1}
          aria-selected={tab === shown}
          aria-controls="tab-panel"
          data-testid={`tab-${tab}`}
          onClick={() => onShow(tab)}
        >
          {words[tab]}
        </button>
      ))}
    </div>
  );
}
