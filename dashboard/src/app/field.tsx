import { useId, useState, type ChangeEvent, type ReactNode } from "react";

import { words } from "../i18n/index.ts";

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly type?: "text" | "password";
  readonly hint?: string | undefined;
  readonly error?: string | undefined;
  readonly autoComplete?: string;
  readonly autoFocus?: boolean | undefined;
  readonly required?: boolean;
  readonly placeholder?: string | undefined;
  /** What a phone's keyboard offers. */
  readonly inputMode?: "text" | "url" | "numeric" | "decimal";
}

/** A labelled input with its hint and its error beside it. */
export function Field(props: FieldProps): ReactNode {
  const id = useId();
  const [shown, setShown] = useState(false);
  const secret = props.type === "password";
  const described = [props.error && `${id}-error`, props.hint && `${id}-hint`].filter(Boolean);
  return (
    <div className="field" data-invalid={props.error ? "" : undefined}>
      <label htmlFor={id} data-required={props.required ? "" : undefined}>
        {props.label}
      </label>
      <div className="field__input">
        <input
          id={id}
          name={props.name}
          type={secret && !shown ? "password" : "text"}
          value={props.value}
          autoComplete={props.autoComplete ?? "off"}
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          // Where a person starts to type; the attribute is for dialogs.
          autoFocus={props.autoFocus}
          data-autofocus={props.autoFocus ? "" : undefined}
          required={props.required}
          placeholder={props.placeholder}
          inputMode={props.inputMode}
          aria-invalid={props.error ? true : undefined}
          aria-describedby={described.join(" ") || undefined}
          onChange={(event: ChangeEvent<HTMLInputElement>) => props.onChange(event.target.value)}
        />
        {secret && (
          <button
            type="button"
            className="field__reveal"
            aria-pressed={shown}
            aria-label={shown ? words.hidePassword : words.showPassword}
            onClick={() => setShown(!shown)}
          >
            <svg className="icon" viewBox="0 0 20 20" aria-hidden="true">
              <path d="M2.5 10C5 5.8 15 5.8 17.5 10 15 14.2 5 14.2 2.5 10z" />
              <circle cx="10" cy="10" r="2" />
              {shown && <path d="M4 16L16 4" />}
            </svg>
          </button>
        )}
      </div>
      <Remarks id={id} name={props.name} error={props.error} hint={props.hint} />
    </div>
  );
}

/** What is wrong with a field, and what is good to know of it. */
function Remarks(props: {
  id: string;
  name: string;
  error: string | undefined;
  hint: string | undefined;
}): ReactNode {
  return (
    <>
      {props.error && (
        <p className="field__error" id={`${props.id}-error`} data-testid={`error-${props.name}`}>
          {props.error}
        </p>
      )}
      {props.hint && (
        <p className="field__hint" id={`${props.id}-hint`}>
          {props.hint}
        </p>
      )}
    </>
  );
}

/** A labelled choice of one value. */
export function Choice(props: {
  label: string;
  name: string;
  /** One of the options' values; of any other, none is chosen. */
  value: string;
  options: readonly { readonly value: string; readonly label: string }[];
  onChange: (value: string) => void;
  /** What choosing none is called; without it, one must be chosen. */
  none?: string | undefined;
  hint?: string | undefined;
  error?: string | undefined;
  required?: boolean;
  autoFocus?: boolean | undefined;
  disabled?: boolean;
}): ReactNode {
  const id = useId();
  const known = props.options.some(({ value }) => value === props.value);
  const described = [props.error && `${id}-error`, props.hint && `${id}-hint`].filter(Boolean);
  return (
    <div className="field" data-invalid={props.error ? "" : undefined}>
      <label htmlFor={id} data-required={props.required ? "" : undefined}>
        {props.label}
      </label>
      <select
        id={id}
        name={props.name}
        value={known ? props.value : ""}
        required={props.required}
        disabled={props.disabled}
        data-autofocus={props.autoFocus ? "" : undefined}
        aria-invalid={props.error ? true : undefined}
        aria-describedby={described.join(" ") || undefined}
        onChange={(event) => props.onChange(event.target.value)}
      >
        {(props.none !== undefined || !known) && <option value="">{props.none ?? "–"}</option>}
        {props.options.map(({ value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <Remarks id={id} name={props.name} error={props.error} hint={props.hint} />
    </div>
  );
}

/** A labelled switch. */
export function Check(props: {
  label: string;
  name: string;
  hint?: string | undefined;
  error?: string | undefined;
  checked: boolean;
  disabled?: boolean;
  autoFocus?: boolean | undefined;
  onChange: (checked: boolean) => void;
}): ReactNode {
  const id = useId();
  const described = [props.error && `${id}-error`, props.hint && `${id}-hint`].filter(Boolean);
  return (
    <div className="field field--check" data-invalid={props.error ? "" : undefined}>
      <input
        id={id}
        name={props.name}
        type="checkbox"
        checked={props.checked}
        disabled={props.disabled}
        data-autofocus={props.autoFocus ? "" : undefined}
        aria-invalid={props.error ? true : undefined}
        aria-describedby={described.join(" ") || undefined}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      <label htmlFor={id}>{props.label}</label>
      <Remarks id={id} name={props.name} error={props.error} hint={props.hint} />
    </div>
  );
}
