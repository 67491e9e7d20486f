import { useState, type ReactNode } from "react";

import type { ApiError } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { useHub, useHubState } from "./hub.tsx";
import { AlertIcon } from "./icons.tsx";
import { useToasts } from "./toasts.tsx";

/** Says that the configuration file is broken, or that some of it waits for a restart. */
export function ConfigBanner(): ReactNode {
  const hub = useHub();
  const toasts = useToasts();
  const status = useHubState((state) => state.config);
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const problems = status?.problems ?? [];
  const restart = status?.restart_needed ?? [];
  const broken = problems.length > 0;

  const reload = (): void => {
    setBusy(true);
    hub.commands
      .reloadConfig()
      .then((read) => hub.putConfig(read))
      .catch((error: ApiError) => toasts.show(sentence(error), { tone: "bad" }))
      .finally(() => setBusy(false));
  };
  return (
    // There from the start, so that what appears in it is read out.
    <div
      className="strip"
      role="status"
      data-testid="config-banner"
      hidden={!broken && !restart.length}
    >
      {broken ? (
        <>
          <p className="strip__text" data-tone="bad">
            <AlertIcon />
            {words.configProblems(problems.length)}
          </p>
          <button
            type="button"
            className="button button--small"
            aria-expanded={open}
            onClick={() => setOpen(!open)}
          >
            {open ? words.configHide : words.configShow}
          </button>
          <button type="button" className="button button--small" disabled={busy} onClick={reload}>
            {words.configReload}
          </button>
          {open && (
            <ul className="strip__list">
              {problems.map((problem) => (
                <li key={problem}>{problem}</li>
              ))}
            </ul>
          )}
        </>
      ) : (
        restart.length > 0 && (
          <p className="strip__text" data-tone="busy">
            <AlertIcon />
            {words.configRestart(restart.join(", "))}
          </p>
        )
      )}
    </div>
  );
}
