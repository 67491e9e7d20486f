import { useState, type ReactNode } from "react";

import type { ApiError, Flow } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { flowTitle } from "./flow_words.ts";
import { useHub, useHubState } from "./hub.tsx";
import { CameraIcon, KeyIcon } from "./icons.tsx";
import { useToasts } from "./toasts.tsx";

interface FlowEntryProps {
  readonly flow: Flow;
  readonly onOpen: (flow: Flow) => void;
}

/** A camera that refuses its password, and what leads to giving another one. */
export function RefusedLogin({ flow, onOpen }: FlowEntryProps): ReactNode {
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
          onClick={() => onOpen(flow)}
        >
          {words.logInAgain}
        </button>
      </div>
    </li>
  );
}

/** A found device of which only the flow that adds it is known: the hub tells no more. */
export function OfferedFlow({ flow, onOpen }: FlowEntryProps): ReactNode {
  const hub = useHub();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  const title = flowTitle(flow, undefined);
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
    <li className="entry" data-testid={`inbox-${flow.id}`}>
      <CameraIcon />
      <div className="entry__text">
        <p className="entry__title">{title}</p>
        <p className="entry__line">
          {[flow.integration_name, flow.discovered?.host].filter(Boolean).join(" · ")}
        </p>
      </div>
      <div className="entry__actions">
        <button
          type="button"
          className="button button--small"
          disabled={busy}
          aria-label={`${words.inboxIgnore}: ${title}`}
          onClick={ignore}
        >
          {words.inboxIgnore}
        </button>
        <button
          type="button"
          className="button button--small button--primary"
          aria-label={`${words.inboxAdd}: ${title}`}
          onClick={() => onOpen(flow)}
        >
          {words.inboxAdd}
        </button>
      </div>
    </li>
  );
}
