import { useState, type FormEvent, type ReactNode } from "react";

import { ApiError, type Camera } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { cameraMapping, fieldErrors, type CameraForm } from "./camera_form.ts";
import { Dialog } from "./dialog.tsx";
import { Check, Field } from "./field.tsx";
import { useHub } from "./hub.tsx";

const EMPTY: CameraForm = {
  address: "",
  name: "",
  username: "",
  password: "",
  sub: "",
  preload: false,
};

/** Adds an RTSP camera. */
export function AddCamera(props: {
  onClose: () => void;
  onAdded: (camera: Camera) => void;
}): ReactNode {
  const hub = useHub();
  const [form, setForm] = useState(EMPTY);
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = useState(false);
  const change = (key: keyof CameraForm) => (value: string | boolean) => {
    setForm((before) => ({ ...before, [key]: value }));
    setErrors((before) => ({ ...before, [key]: "", form: "" }));
  };

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (!form.address.trim()) {
      setErrors({ address: words.required });
      return;
    }
    setBusy(true);
    setErrors({});
    try {
      const camera = await hub.rest.addCamera(cameraMapping(form));
      hub.put(camera);
      props.onAdded(camera);
    } catch (error) {
      setErrors(
        error instanceof ApiError ? fieldErrors(error) : { form: sentence(error as ApiError) },
      );
    } finally {
      setBusy(false);
    }
  };

  return (
    <Dialog title={words.addTitle} onClose={props.onClose} testId="add-dialog">
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <Field
          label={words.fieldAddress}
          hint={words.fieldAddressHint}
          name="address"
          value={form.address}
          error={errors["address"]}
          onChange={change("address")}
          autoFocus
          required
        />
        <Field
          label={words.fieldName}
          name="name"
          value={form.name}
          error={errors["name"]}
          onChange={change("name")}
        />
        <div className="form__pair">
          <Field
            label={words.fieldUser}
            name="username"
            value={form.username}
            error={errors["username"]}
            onChange={change("username")}
          />
          <Field
            label={words.fieldPassword}
            name="password"
            type="password"
            autoComplete="new-password"
            value={form.password}
            error={errors["password"]}
            onChange={change("password")}
          />
        </div>
        <Field
          label={words.fieldSub}
          hint={words.fieldSubHint}
          name="sub"
          value={form.sub}
          error={errors["sub"]}
          onChange={change("sub")}
        />
        <Check
          label={words.fieldPreload}
          hint={words.fieldPreloadHint}
          checked={form.preload}
          onChange={change("preload")}
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
            data-testid="add-submit"
          >
            {busy ? words.adding : words.addSubmit}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
