import { useId, useState, type ChangeEvent, type ReactNode } from "react";

import { words } from "../i18n/index.ts";

interface FieldProps {
  readonly label: string;
  readonly name: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly type?: "text" | "password";
  readonly hint?: string;
  readonly error?: string | undefined;
  readonly autoComplete?: string;
  readonly autoFocus?: boolean;
  readonly required?: boolean;
}

/** A labelled input with its hint and its error beside it. */
export function Field(props: FieldProps): ReactNode {
  const id = useId();
  const [shown, setShown] = useState(false);
  const secret = props.type === "password";
  const described = [props.error && `${id}-error`, props.hint && `${id}-hint`].filter(Boolean);
  return (
    <div className="field" data-invalid={props.error ? "" : undefined}>
      <label htmlFor={id}>{props.label}</label>
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
      {props.error && (
        <p className="field__error" id={`${id}-error`} data-testid={`error-${props.name}`}>
          {props.error}
        </p>
      )}
      {props.hint && (
        <p className="field__hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  );
}

/** A labelled switch. */
export function Check(props: {
  label: string;
  hint?: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}): ReactNode {
  const id = useId();
  return (
    <div className="field field--check">
      <input
        id={id}
        type="checkbox"
        checked={props.checked}
        aria-describedby={props.hint ? `${id}-hint` : undefined}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      <label htmlFor={id}>{props.label}</label>
      {props.hint && (
        <p className="field__hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
    </div>
  );
}
