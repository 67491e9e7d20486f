/** Renders any form that the hub describes: inputs by the types of its fields. */

import { useEffect, useId, useRef, useState, type ReactNode } from "react";

import type { FieldKind, FieldOption, FormField } from "../client/index.ts";
import { words } from "../i18n/index.ts";
import { Check, Choice, Field } from "./field.tsx";
import { draftOf, isFields, isItems, type Draft, type Drafts, type Errors } from "./form_values.ts";
import { CloseIcon, PlusIcon } from "./icons.tsx";

interface FieldsProps {
  readonly fields: readonly FormField[];
  readonly drafts: Drafts;
  readonly errors: Errors;
  readonly onChange: (drafts: Drafts) => void;
  /** Path of what the fields are in, with what joins it to a name: `urls[0].`. */
  readonly prefix?: string;
  /** The first of them is where a person starts. */
  readonly autoFocus?: boolean | undefined;
}

/** The fields in their order; those for special cases are folded away below. */
export function FormFields(props: FieldsProps): ReactNode {
  const { fields, drafts, errors, prefix = "" } = props;
  const plain = fields.filter((field) => !isFolded(field));
  const folded = fields.filter(isFolded);
  const wrong = folded.some(({ name }) => isWithin(errors, prefix + name));
  const first = plain[0] ?? folded[0];
  const inputs = (some: readonly FormField[]): ReactNode =>
    some.map((field) => (
      <Input
        key={field.name}
        kind={field}
        path={prefix + field.name}
        label={labelOf(field)}
        help={helpOf(field)}
        placeholder={field.placeholder ?? shownDefault(field)}
        required={field.required}
        optional={!field.required && (field.default ?? null) === null}
        draft={drafts[field.name] ?? draftOf(field)}
        errors={errors}
        autoFocus={props.autoFocus && field === first}
        onChange={(draft) => props.onChange({ ...drafts, [field.name]: draft })}
      />
    ));
  return (
    <>
      {inputs(plain)}
      {folded.length > 0 && (
        <Folded title={words.advanced} open={wrong || plain.length === 0}>
          {inputs(folded)}
        </Folded>
      )}
    </>
  );
}

/** Folded away unless it has to be filled in. */
function isFolded(field: FormField): boolean {
  return field.advanced && !field.required;
}

function isWithin(errors: Errors, path: string): boolean {
  return Object.keys(errors).some(
    (key) => key === path || key.startsWith(`${path}.`) || key.startsWith(`${path}[`),
  );
}

/** The label in the page's language, for fields that integrations share, with the unit. */
export function labelOf(field: FormField): string {
  const label = words.fields[field.name]?.label ?? field.label;
  return field.unit ? `${label} (${field.unit})` : label;
}

function helpOf(field: FormField): string | undefined {
  return words.fields[field.name]?.help ?? field.help ?? undefined;
}

function shownDefault(field: FormField): string | undefined {
  const value = field.default ?? undefined;
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
}

/** Opens by itself when something in it is wrong; a person may open and close it. */
function Folded(props: { title: string; open: boolean; children: ReactNode }): ReactNode {
  const [open, setOpen] = useState(props.open);
  const [asked, setAsked] = useState(props.open);
  if (props.open !== asked) {
    // Not in an effect: what is folded away cannot take the focus.
    setAsked(props.open);
    if (props.open) setOpen(true);
  }
  return (
    <details className="folded" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{props.title}</summary>
      <div className="form">{props.children}</div>
    </details>
  );
}

interface InputProps {
  readonly kind: FieldKind;
  readonly path: string;
  readonly label: string;
  readonly help: string | undefined;
  readonly placeholder: string | undefined;
  readonly required: boolean;
  /** Nothing may be chosen, and nothing holds then. */
  readonly optional: boolean;
  readonly draft: Draft;
  readonly errors: Errors;
  readonly autoFocus: boolean | undefined;
  readonly onChange: (draft: Draft) => void;
}

function Input(props: InputProps): ReactNode {
  const { kind, path, label, help, draft, onChange } = props;
  const common = {
    label,
    name: path,
    hint: help,
    error: props.errors[path],
    autoFocus: props.autoFocus,
    required: props.required,
  };
  const text = typeof draft === "string" ? draft : "";
  switch (kind.type) {
    case "boolean":
      return <Check {...common} checked={draft === true} onChange={onChange} />;
    case "select":
      return (
        <Choice
          {...common}
          value={text}
          options={kind.options.map((option) => ({ ...option, value: String(option.value) }))}
          none={props.optional ? words.chooseNone : undefined}
          onChange={onChange}
        />
      );
    case "choices":
      return <Choices {...props} options={kind.options} />;
    case "secret":
      return (
        <Field
          {...common}
          type="password"
          autoComplete="new-password"
          value={text}
          hint={kind.stored ? words.secretStored : help}
          onChange={onChange}
        />
      );
    case "list":
      return <ItemFields {...props} item={kind.item} most={kind.max_length} />;
    case "object":
      return (
        <Group label={label} help={help} error={props.errors[path]} path={path}>
          <FormFields
            fields={kind.fields}
            drafts={isFields(draft) ? draft : {}}
            errors={props.errors}
            prefix={`${path}.`}
            autoFocus={props.autoFocus}
            onChange={onChange}
          />
        </Group>
      );
    default:
      return (
        <Field
          {...common}
          value={text}
          placeholder={props.placeholder}
          inputMode={INPUT_MODES[kind.type]}
          onChange={onChange}
        />
      );
  }
}

const INPUT_MODES = {
  string: "text",
  host: "url",
  url: "url",
  integer: "numeric",
  float: "decimal",
} as const;

/** Inputs that belong together. */
function Group(props: {
  label: string;
  help: string | undefined;
  error: string | undefined;
  path: string;
  children: ReactNode;
}): ReactNode {
  const id = useId();
  const described = [props.error && `${id}-error`, props.help && `${id}-help`].filter(Boolean);
  return (
    <fieldset className="group" aria-describedby={described.join(" ") || undefined}>
      <legend>{props.label}</legend>
      {props.help && (
        <p className="field__hint" id={`${id}-help`}>
          {props.help}
        </p>
      )}
      {props.children}
      {props.error && (
        <p className="field__error" id={`${id}-error`} data-testid={`error-${props.path}`}>
          {props.error}
        </p>
      )}
    </fieldset>
  );
}

/** How many there must be for a button that takes all or none. */
const MANY = 4;

/** Several of some options. */
function Choices(props: InputProps & { options: readonly FieldOption[] }): ReactNode {
  const { path, options, onChange } = props;
  const chosen = isItems(props.draft) ? props.draft : [];
  const values = options.map(({ value }) => String(value));
  const all = values.every((value) => chosen.includes(value));
  const choose = (value: string, wanted: boolean): void =>
    onChange(values.filter((one) => (one === value ? wanted : chosen.includes(one))));
  return (
    <Group label={props.label} help={props.help} error={props.errors[path]} path={path}>
      <div className="choices" data-testid={`choices-${path}`}>
        {options.map(({ value, label }) => (
          <Check
            key={value}
            label={label}
            name={`${path}.${value}`}
            checked={chosen.includes(String(value))}
            onChange={(wanted) => choose(String(value), wanted)}
          />
        ))}
      </div>
      {options.length >= MANY && (
        <button
          type="button"
          className="button button--small"
          onClick={() => onChange(all ? [] : values)}
        >
          {all ? words.chooseNothing : words.chooseAll}
        </button>
      )}
    </Group>
  );
}

/** Any number of inputs of one kind. */
function ItemFields(props: InputProps & { item: FieldKind; most: number | undefined }): ReactNode {
  const { item, path, label, errors } = props;
  const drafts = isItems(props.draft) ? props.draft : [];
  const element = useRef<HTMLDivElement>(null);
  const count = useRef(drafts.length);
  useEffect(() => {
    // A person who adds one fills it in next; one who removes one is still at the list.
    if (drafts.length > count.current) {
      const inputs = element.current?.querySelectorAll<HTMLElement>(".item:last-of-type input");
      inputs?.[0]?.focus();
    } else if (drafts.length < count.current) {
      element.current?.querySelector<HTMLElement>(".item__add")?.focus();
    }
    count.current = drafts.length;
  }, [drafts.length]);

  const change = (index: number, draft: Draft): void =>
    props.onChange(drafts.map((one, place) => (place === index ? draft : one)));
  return (
    <Group label={label} help={props.help} error={errors[path]} path={path}>
      <div className="items" ref={element}>
        {drafts.map((draft, index) => (
          // They have no identity but their place, and keep no state of their own.
          <div className="item" key={index}>
            <Input
              kind={item}
              path={`${path}[${index}]`}
              label={words.item(index + 1)}
              help={undefined}
              placeholder={undefined}
              required={false}
              optional={false}
              draft={draft}
              errors={errors}
              autoFocus={undefined}
              onChange={(changed) => change(index, changed)}
            />
            <button
              type="button"
              className="button button--icon"
              aria-label={words.removeItem(index + 1)}
              title={words.removeItem(index + 1)}
              onClick={() => props.onChange(drafts.filter((_, place) => place !== index))}
            >
              <CloseIcon />
            </button>
          </div>
        ))}
        <button
          type="button"
          className="button button--small item__add"
          disabled={props.most !== undefined && drafts.length >= props.most}
          onClick={() => props.onChange([...drafts, draftOf(item)])}
        >
          <PlusIcon />
          {words.addItem(label)}
        </button>
      </div>
    </Group>
  );
}
