import { useState, type FormEvent, type ReactNode } from "react";

import { ApiError, type Camera } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { fieldErrors, withPassword } from "./camera_form.ts";
import { Dialog } from "./dialog.tsx";
import { Field } from "./field.tsx";
import { useHub } from "./hub.tsx";

/** Takes a new user name and password for a camera, and has them tried. */
export function PasswordForm(props: {
  camera: Camera;
  onClose: () => void;
  onSaved: () => void;
}): ReactNode {
  const { camera } = props;
  const hub = useHub();
  const known = camera.config["username"];
  const [username, setUsername] = useState(typeof known === "string" ? known : "");
  const [password, setPassword] = useState("");
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (!password) {
      setErrors({ password: words.required });
      return;
    }
    setBusy(true);
    setErrors({});
    try {
      hub.put(await hub.rest.updateCamera(camera.id, withPassword(camera, username, password)));
      props.onSaved();
    } catch (error) {
      const found: Readonly<Record<string, string>> =
        error instanceof ApiError ? fieldErrors(error) : {};
      const { username: first, password: second, ...others } = found;
      setErrors({
        ...(first ? { username: first } : {}),
        ...(second ? { password: second } : {}),
        form: Object.values(others).join(" ") || (first || second ? "" : sentence(error as ApiError)),
      });
    } finally {
      setBusy(false);
    }
  };

  return (
    <Dialog title={words.passwordTitle(camera.name)} onClose={props.onClose} testId="password-dialog">
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <p className="form__text">{words.passwordText}</p>
        <Field
          label={words.fieldUser}
          name="username"
          value={username}
          error={errors["username"]}
          onChange={setUsername}
        />
        <Field
          label={words.fieldPassword}
          name="password"
          type="password"
          autoComplete="new-password"
          value={password}
          error={errors["password"]}
          onChange={setPassword}
          autoFocus
          required
        />
        <p className="form__error" role="alert">
          {errors["form"]}
        </p>
        <div className="form__buttons">
          <button type="button" className="button" onClick={props.onClose}>
            {words.cancel}
          </button>
          <button
            type="submit"
            className="button button--primary"
            disabled={busy}
            data-testid="password-submit"
          >
            {busy ? words.saving : words.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
