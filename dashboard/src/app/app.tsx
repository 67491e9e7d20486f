import { useCallback, useEffect, useMemo, useState, type ReactNode } from "react";

import { RestClient, type AuthState } from "../client/index.ts";
import { words } from "../i18n/index.ts";
import { Gate, LogInPage, SetUpPage } from "./auth_pages.tsx";
import { Hub, HubContext } from "./hub.tsx";
import { LivePage } from "./live_page.tsx";
import { ToastArea } from "./toasts.tsx";

/** The code of a first-start link, `#/setup?code=…`. */
export function setupCode(hash: string): string | null {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  return path === "setup" ? new URLSearchParams(query).get("code") : null;
}

/** Chooses between first start, log-in and the cameras. */
export function App(): ReactNode {
  const rest = useMemo(() => new RestClient(), []);
  const [auth, setAuth] = useState<AuthState | "away" | undefined>();
  const [code, setCode] = useState(() => setupCode(location.hash));

  const ask = useCallback(() => {
    rest.authState().then(setAuth, () => setAuth("away"));
  }, [rest]);
  useEffect(ask, [ask]);
  useEffect(() => {
    const changed = (): void => setCode(setupCode(location.hash));
    window.addEventListener("hashchange", changed);
    return () => window.removeEventListener("hashchange", changed);
  }, []);
  useEffect(() => {
    if (auth !== "away") return undefined;
    const timer = setInterval(ask, 3_000);
    return () => clearInterval(timer);
  }, [auth, ask]);

  const user = typeof auth === "object" ? auth.user : null;
  const hub = useMemo(
    () => (user ? new Hub(rest, user, ask) : null),
    // A new answer with the same user is the same log-in.
    [rest, user?.name, user?.role, ask],
  );
  useEffect(() => {
    hub?.start();
    return () => hub?.stop();
  }, [hub]);

  const entered = useCallback(() => {
    // The code is used up; it has no business in the history.
    if (setupCode(location.hash)) history.replaceState(null, "", location.pathname + location.search);
    setCode(null);
    ask();
  }, [ask]);
  const logOut = useCallback(() => {
    rest
      .logout()
      .catch(() => undefined)
      .finally(ask);
  }, [rest, ask]);

  if (auth === undefined) return <div className="gate" aria-busy="true" />;
  if (auth === "away") {
    return (
      <Gate title={words.hubUnreachable} busy>
        <p className="gate__text">
          <span className="spinner" /> {words.linkConnecting}
        </p>
      </Gate>
    );
  }
  if (auth.setup_required) {
    if (code) return <SetUpPage rest={rest} code={code} onDone={entered} />;
    return (
      <Gate title={words.setupNeeded}>
        <p className="gate__text" data-testid="setup-needed">
          {words.setupHow}
        </p>
      </Gate>
    );
  }
  if (!hub) {
    return <LogInPage rest={rest} notice={code ? words.setupDone : undefined} onDone={entered} />;
  }
  return (
    <HubContext value={hub}>
      <ToastArea>
        <LivePage onLogOut={logOut} />
      </ToastArea>
    </HubContext>
  );
}
