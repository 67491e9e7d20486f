import { useState, type ReactNode } from "react";

import type { ApiError, Camera } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import type { LivePlayer } from "../player/index.ts";
import { Check } from "./field.tsx";
import { useHub, useHubState } from "./hub.tsx";

/** What of a camera is changed by a flow. */
export type Change = "reauth" | "reconfigure" | "options";

/** What an administrator can do with a camera's entry. */
export function CameraActions(props: {
  camera: Camera;
  player: LivePlayer | undefined;
  /** What went wrong with the last of them. */
  error: string;
  onError: (error: string) => void;
  onChange: (camera: Camera, change: Change) => void;
  onConfirm: (what: "remove" | "reboot") => void;
}): ReactNode {
  const { camera, player } = props;
  const hub = useHub();
  const [busy, setBusy] = useState<string | null>(null);
  const options = useHubState((state) =>
    state.integrations?.some(({ domain, options: has }) => has && domain === camera.integration),
  );
  const writable = !camera.read_only;
  // Also which of its streams and channels are used.
  const chosen = camera.config["profiles"] !== undefined;
  const choosable = camera.channel !== null || camera.profiles.length > 1 || chosen;
  const disabled = camera.disabled || camera.entry.state === "disabled";

  // What is done to a recorder is done to all its cameras.
  const ofAll = (label: string): string =>
    camera.channel === null ? label : `${label}: ${camera.entry.name}`;

  const run = (what: string, command: () => Promise<unknown>): void => {
    setBusy(what);
    props.onError("");
    command()
      .catch((error: ApiError) => props.onError(sentence(error)))
      .finally(() => setBusy(null));
  };
  const reload = (): void =>
    run("reload", () => hub.rest.reloadCamera(camera.id).then(() => player?.retry()));
  const configure = (what: string, change: Readonly<Record<string, unknown>>): void =>
    run(what, async () =>
      hub.put(await hub.rest.updateCamera(camera.id, { ...camera.config, ...change })),
    );
  const download = (): void =>
    run("diagnostics", async () => {
      save(await hub.rest.diagnostics(camera.entry.id), `${camera.entry.id}-diagnostics.json`);
    });

  return (
    <>
      {writable && (
        <Check
          label={ofAll(words.keepConnected)}
          hint={words.keepConnectedHint}
          name="preload"
          checked={camera.preload}
          disabled={busy !== null}
          onChange={(preload) => configure("preload", { preload })}
        />
      )}
      <p className="form__error" role="alert" data-testid="details-error">
        {props.error}
      </p>
      <div className="form__buttons form__buttons--spread" data-testid="actions">
        {writable && (
          <button
            type="button"
            className="button button--danger-quiet"
            data-testid="remove"
            onClick={() => props.onConfirm("remove")}
          >
            {camera.channel === null ? words.remove : words.hide}
          </button>
        )}
        {camera.capabilities.includes("reboot") && camera.entry.state === "loaded" && (
          <button
            type="button"
            className="button button--danger-quiet"
            data-testid="reboot"
            onClick={() => props.onConfirm("reboot")}
          >
            {words.reboot}
          </button>
        )}
        <span className="form__space" />
        <button
          type="button"
          className="button"
          title={words.diagnosticsTitle}
          disabled={busy === "diagnostics"}
          data-testid="diagnostics"
          onClick={download}
        >
          {words.diagnostics}
        </button>
        {writable && (
          <button
            type="button"
            className="button"
            disabled={busy !== null}
            data-testid="disable"
            onClick={() => configure("disable", { disabled: !disabled })}
          >
            {ofAll(disabled ? words.enable : words.disable)}
          </button>
        )}
        {!disabled && (
          <button
            type="button"
            className="button"
            disabled={busy !== null}
            data-testid="reload"
            onClick={reload}
          >
            {busy === "reload" ? words.reloading : ofAll(words.reload)}
          </button>
        )}
        {writable && (options || choosable) && (
          <button
            type="button"
            className="button"
            data-testid="options"
            onClick={() => props.onChange(camera, "options")}
          >
            {words.options}
          </button>
        )}
        {writable && (
          <button
            type="button"
            className="button"
            data-testid="reconfigure"
            onClick={() => props.onChange(camera, "reconfigure")}
          >
            {words.reconfigure}
          </button>
        )}
        {writable && camera.entry.state === "auth_failed" && (
          <button
            type="button"
            className="button button--primary"
            data-testid="log-in"
            onClick={() => props.onChange(camera, "reauth")}
          >
            {words.logInAgain}
          </button>
        )}
      </div>
    </>
  );
}

/** Have the browser keep `content` as a file. */
function save(content: unknown, name: string): void {
  const blob = new Blob([JSON.stringify(content, null, 2)], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The download has its own hold on it by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
