import { useState, type FormEvent, type ReactNode } from "react";

import { ApiError, type Device } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { deviceTitle } from "./device_words.ts";
import { Field } from "./field.tsx";
import { useHub } from "./hub.tsx";

/** Adds several devices with one user name and password. What fails is told for each. */
export function SharedLogin(props: {
  readonly devices: readonly Device[];
  /** Told what came of it, in words, and which devices are still to be added. */
  readonly onDone: (told: string, failed: readonly string[]) => void;
}): ReactNode {
  const hub = useHub();
  const [username, setUsername] = useState("admin");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const { devices } = props;

  const add = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (devices.length === 0) return;
    setBusy(true);
    try {
      const ids = devices.map(({ id }) => id);
      const results = await hub.commands.adoptDevices(ids, username, password);
      const failed = results.filter(({ entry_id }) => entry_id === null);
      const names = failed.map(({ device_id, error }) => {
        const device = devices.find(({ id }) => id === device_id);
        const why = error ? sentence(error) : words.foundNeedsAnswer;
        return `${device ? deviceTitle(device) : device_id}: ${why}`;
      });
      const added = words.foundAdded(results.length - failed.length);
      props.onDone(
        [added, ...names].filter(Boolean).join(" "),
        failed.map(({ device_id }) => device_id),
      );
    } catch (error) {
      props.onDone(
        sentence(error as ApiError),
        devices.map(({ id }) => id),
      );
    } finally {
      setBusy(false);
    }
  };
  return (
    <form
      className="shared"
      data-testid="shared-credentials"
      autoComplete="off"
      onSubmit={(event) => void add(event)}
    >
      <p className="form__text">{words.foundShared(devices.length)}</p>
      <Field
        label={words.foundUserName}
        name="username"
        value={username}
        autoComplete="off"
        onChange={setUsername}
      />
      <Field
        label={words.password}
        name="password"
        type="password"
        value={password}
        autoComplete="new-password"
        onChange={setPassword}
      />
      <button
        type="submit"
        className="button button--primary"
        disabled={busy || devices.length === 0}
        data-testid="adopt-many"
      >
        {busy ? words.foundAdding : words.foundAddAll(devices.length)}
      </button>
    </form>
  );
}
