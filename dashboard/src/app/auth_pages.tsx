import { useState, type FormEvent, type ReactNode } from "react";

import type { ApiError, RestClient } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { Field } from "./field.tsx";
import { Mark } from "./icons.tsx";
import { ThemeButton } from "./top_bar.tsx";

/** The frame of the pages that are seen before logging in. */
export function Gate(props: { title: string; children: ReactNode; busy?: boolean }): ReactNode {
  return (
    <main className="gate">
      <section className="gate__card" aria-busy={props.busy}>
        <header className="gate__head">
          <Mark />
          <p>{words.product}</p>
          <ThemeButton />
        </header>
        <h1>{props.title}</h1>
        {props.children}
      </section>
    </main>
  );
}

/** Logs in with name and password. */
export function LogInPage(props: {
  rest: RestClient;
  notice?: string | undefined;
  onDone: () => void;
}): ReactNode {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setError("");
    try {
      await props.rest.login(name, password);
      props.onDone();
    } catch (failure) {
      setError(sentence(failure as ApiError));
      setBusy(false);
    }
  };
  return (
    <Gate title={words.logIn}>
      {props.notice && <p className="notice">{props.notice}</p>}
      <form className="form" onSubmit={(event) => void submit(event)}>
        <Field
          label={words.userName}
          name="name"
          autoComplete="username"
          value={name}
          onChange={setName}
          autoFocus
          required
        />
        <Field
          label={words.password}
          name="password"
          type="password"
          autoComplete="current-password"
          value={password}
          onChange={setPassword}
          required
        />
        <p className="form__error" role="alert" data-testid="login-error">
          {error}
        </p>
        <button
          type="submit"
          className="button button--primary button--wide"
          disabled={busy}
          data-testid="login-submit"
        >
          {busy ? words.loggingIn : words.logIn}
        </button>
      </form>
    </Gate>
  );
}

/** Makes the administrator with the code of the first-start link. */
export function SetUpPage(props: { rest: RestClient; code: string; onDone: () => void }): ReactNode {
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const [errors, setErrors] = useState<Readonly<Record<string, string>>>({});
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (password !== again) {
      setErrors({ again: words.passwordsDiffer });
      return;
    }
    setBusy(true);
    setErrors({});
    try {
      await props.rest.setup(props.code, name.trim(), password);
      props.onDone();
    } catch (failure) {
      const error = failure as ApiError;
      const found: Record<string, string> = {};
      for (const { key, message } of error.fields ?? []) found[key] = message;
      if (!found["name"] && !found["password"]) found["form"] = sentence(error);
      setErrors(found);
      setBusy(false);
    }
  };
  return (
    <Gate title={words.setupTitle}>
      <p className="gate__text">{words.setupText}</p>
      <form className="form" onSubmit={(event) => void submit(event)}>
        <Field
          label={words.userName}
          name="name"
          autoComplete="username"
          value={name}
          error={errors["name"]}
          onChange={setName}
          autoFocus
          required
        />
        <Field
          label={words.password}
          name="password"
          type="password"
          autoComplete="new-password"
          value={password}
          error={errors["password"]}
          onChange={setPassword}
          required
        />
        <Field
          label={words.repeatPassword}
          name="again"
          type="password"
          autoComplete="new-password"
          value={again}
          error={errors["again"]}
          onChange={setAgain}
          required
        />
        <p className="form__error" role="alert" data-testid="setup-error">
          {errors["form"]}
        </p>
        <button
          type="submit"
          className="button button--primary button--wide"
          disabled={busy}
          data-testid="setup-submit"
        >
          {words.setupSubmit}
        </button>
      </form>
    </Gate>
  );
}
