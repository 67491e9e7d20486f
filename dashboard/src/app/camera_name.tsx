import { useState, type ReactNode } from "react";

import type { ApiError, Camera } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { Field } from "./field.tsx";
import { useHub } from "./hub.tsx";

/** What a camera is called; another name disturbs nothing. */
export function CameraName({ camera }: { camera: Camera }): ReactNode {
  const hub = useHub();
  const [name, setName] = useState<string | null>(null);
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  if (name === null) {
    return (
      <button
        type="button"
        className="button button--small button--start"
        data-testid="rename"
        onClick={() => setName(camera.name)}
      >
        {words.rename}
      </button>
    );
  }
  const save = (): void => {
    setBusy(true);
    setError("");
    hub.rest
      .renameCamera(camera.id, name.trim())
      .then((renamed) => {
        hub.put(renamed);
        setName(null);
      })
      .catch((failure: ApiError) => setError(sentence(failure)))
      .finally(() => setBusy(false));
  };
  return (
    <form
      className="form form--line"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <Field
        label={words.cameraName}
        name="camera-name"
        value={name}
        error={error || undefined}
        autoFocus
        required
        onChange={setName}
      />
      <button type="button" className="button" onClick={() => setName(null)}>
        {words.cancel}
      </button>
      <button
        type="submit"
        className="button button--primary"
        data-testid="rename-save"
        disabled={busy || name.trim() === ""}
      >
        {words.save}
      </button>
    </form>
  );
}
