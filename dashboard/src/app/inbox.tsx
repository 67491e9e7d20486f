import { useState, type ReactNode } from "react";

import type { ApiError, Flow } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { Dialog } from "./dialog.tsx";
import { flowTitle } from "./flow_words.ts";
import { useHub, useHubState } from "./hub.tsx";
import { CameraIcon, KeyIcon } from "./icons.tsx";
import { useToasts } from "./toasts.tsx";

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

/** The list of what waits, with what can be done about it. */
export function Inbox(props: { onClose: () => void; onOpen: (flow: Flow) => void }): ReactNode {
  const flows = useHubState((hub) => hub.flows);
  const found = waiting(flows);
  return (
    <Dialog title={words.inbox} onClose={props.onClose} testId="inbox-dialog">
      {found.length === 0 && <p className="form__text">{words.inboxEmpty}</p>}
      <ul className="entries" aria-live="polite">
        {found.map((flow) => (
          <InboxEntry key={flow.id} flow={flow} onOpen={props.onOpen} />
        ))}
      </ul>
    </Dialog>
  );
}

function InboxEntry({ flow, onOpen }: { flow: Flow; onOpen: (flow: Flow) => void }): ReactNode {
  const hub = useHub();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  const camera = useHubState((state) =>
    state.cameras?.find((one) => flow.entry_id && one.entry.id === flow.entry_id),
  );
  const title = flowTitle(flow, camera);
  const reauth = flow.source === "reauth";
  const address = flow.discovered?.host;
  const reason = camera?.entry.reason;

  const ignore = (): void => {
    setBusy(true);
    hub.commands
      .cancelFlow(flow.id)
      .then(() => toasts.show(words.inboxIgnored(title)))
      .catch((error: ApiError) =>
        toasts.show(words.commandFailed(title, sentence(error)), { tone: "bad" }),
      )
      .finally(() => setBusy(false));
  };
  return (
    <li className="entry" data-testid={`inbox-${flow.id}`} data-tone={reauth ? "bad" : undefined}>
      {reauth ? <KeyIcon /> : <CameraIcon />}
      <div className="entry__text">
        <p className="entry__title">{title}</p>
        <p className="entry__line">
          {[reauth ? words.inboxReauth : words.inboxFound, flow.integration_name, address]
            .filter(Boolean)
            .join(" · ")}
        </p>
        {reauth && reason && <p className="entry__line">{sentence(reason)}</p>}
      </div>
      <div className="entry__actions">
        {!reauth && (
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            aria-label={`${words.inboxIgnore}: ${title}`}
            onClick={ignore}
          >
            {words.inboxIgnore}
          </button>
        )}
        <button
          type="button"
          className="button button--small button--primary"
          aria-label={`${reauth ? words.logInAgain : words.inboxAdd}: ${title}`}
          onClick={() => onOpen(flow)}
        >
          {reauth ? words.logInAgain : words.inboxAdd}
        </button>
      </div>
    </li>
  );
}
