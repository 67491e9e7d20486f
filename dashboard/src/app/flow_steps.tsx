/** Shows a flow, page by page, until it ends. */

import { useEffect, useRef, useState, type FormEvent, type ReactNode } from "react";

import type { AbortPage, FieldValue, FormPage, MenuPage, ProgressPage } from "../client/index.ts";
import { phrase, sentence, words } from "../i18n/index.ts";
import { abortText, errorText, faultText, pageText, submitLabel } from "./flow_words.ts";
import { FormFields } from "./form_fields.tsx";
import { askedAgain, collected, draftsOf, placed, type Drafts } from "./form_values.ts";
import { useHubState } from "./hub.tsx";
import { AlertIcon } from "./icons.tsx";
import { useFlow, type FlowStart, type ShownFlow } from "./use_flow.ts";

interface FlowStepsProps {
  readonly start: FlowStart;
  /** The flow ended well. */
  readonly onDone: (entry: string) => void;
  /** Show the camera of an entry that the flow has to do with. */
  readonly onShow: (entry: string) => void;
  readonly onClose: () => void;
  /** Go back to what was before the flow; without it, the flow is left by closing. */
  readonly onBack?: () => void;
}

/** The pages of one flow, within a dialog. */
export function FlowSteps(props: FlowStepsProps): ReactNode {
  const shown = useFlow(props.start);
  const { flow, gone, failure } = shown;
  const page = flow?.page;
  const root = useRef<HTMLDivElement>(null);
  const typed = useRef(new Map<string, Drafts>());
  const serial = useSerial(page);

  const done = page?.kind === "done" ? page.entry_id : undefined;
  const told = useRef(props.onDone);
  told.current = props.onDone;
  useEffect(() => {
    if (done !== undefined) told.current(done);
  }, [done]);

  // Each page takes the focus to where a person goes on: what is wrong, or else what is first.
  useEffect(() => focusFirst(root.current), [serial, gone]);

  const leave = props.onBack ?? props.onClose;
  const leaveLabel = props.onBack ? words.back : words.cancel;
  let content: ReactNode = null;
  if (gone || (failure && !page)) {
    // A failure of before says nothing of why the flow is no longer there.
    const text = failure && !gone ? sentence(failure) : words.flowGone;
    content = (
      <Ended text={text} onLeave={leave} leaveLabel={props.onBack ? words.back : words.close} />
    );
  } else if (page?.kind === "form") {
    content = (
      <FormStep
        key={serial}
        page={page}
        shown={shown}
        typed={typed.current}
        onLeave={leave}
        leaveLabel={leaveLabel}
      />
    );
  } else if (page?.kind === "menu") {
    content = <MenuStep page={page} shown={shown} onLeave={leave} leaveLabel={leaveLabel} />;
  } else if (page?.kind === "abort") {
    content = <AbortStep page={page} {...props} onLeave={leave} />;
  } else {
    content = <ProgressStep page={page} onLeave={leave} leaveLabel={leaveLabel} />;
  }
  return (
    <div className="flow" ref={root} data-testid="flow" data-page={page?.kind ?? "none"}>
      {content}
      {/* There from the start, so that every change of it is read out. */}
      <p className="visually-hidden" role="status" aria-live="polite">
        {progressText(page?.kind === "progress" ? page : undefined, !page && !failure)}
      </p>
    </div>
  );
}

/** A number that changes with the page. */
function useSerial(page: unknown): number {
  const [seen, setSeen] = useState({ page, serial: 0 });
  if (seen.page === page) return seen.serial;
  const next = { page, serial: seen.serial + 1 };
  setSeen(next);
  return next.serial;
}

function focusFirst(root: HTMLElement | null): void {
  const wrong = root?.querySelector<HTMLElement>('[aria-invalid="true"]');
  (wrong ?? root?.querySelector<HTMLElement>("[data-autofocus]"))?.focus();
}

interface StepProps {
  readonly shown: ShownFlow;
  readonly onLeave: () => void;
  readonly leaveLabel: string;
}

function FormStep(
  props: StepProps & {
    page: FormPage;
    /** What was typed into the forms of this flow, by step: the hub serves no secrets. */
    typed: Map<string, Drafts>;
  },
): ReactNode {
  const { page, shown, typed } = props;
  const entry = shown.flow?.entry_id;
  const camera = useHubState((hub) => hub.cameras?.find((one) => entry && one.entry.id === entry));
  const [drafts, setDrafts] = useState<Drafts>(() => {
    const before = typed.get(page.step);
    return before ? askedAgain(page.fields, before, page.errors) : draftsOf(page.fields);
  });
  const [served] = useState(() => placed(page.fields, page.errors, errorText));
  const [errors, setErrors] = useState(served.fields);
  const form = useRef<HTMLFormElement>(null);

  const failure = shown.failure;
  const refused = failure && placed(page.fields, failure.fields, errorText);
  useEffect(() => {
    if (refused && Object.keys(refused.fields).length > 0) setErrors(refused.fields);
  }, [failure]);
  useEffect(() => {
    if (!shown.busy && Object.keys(errors).length > 0) focusFirst(form.current);
  }, [errors, shown.busy]);

  const change = (next: Drafts): void => {
    setDrafts(next);
    // An error is about what was there; what is typed now has not been judged.
    const changed = Object.keys(next).filter((name) => next[name] !== drafts[name]);
    setErrors((before) =>
      Object.fromEntries(
        Object.entries(before).filter(([path]) => !changed.some((name) => isIn(path, name))),
      ),
    );
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (shown.busy) return;
    const { values, faults } = collected(page.fields, drafts);
    if (faults.size > 0) {
      setErrors(Object.fromEntries([...faults].map(([path, fault]) => [path, faultText(fault)])));
      return;
    }
    setErrors({});
    typed.set(page.step, drafts);
    shown.submit(values as Readonly<Record<string, FieldValue>>);
  };

  const whole = [
    ...(page.error && !failure ? [sentence(page.error)] : []),
    ...(failure && Object.keys(refused?.fields ?? {}).length === 0 && !refused?.others.length
      ? [sentence(failure)]
      : []),
    ...(refused ?? served).others,
  ];
  const text = pageText(page, camera);
  return (
    <form
      className="form"
      ref={form}
      noValidate
      onSubmit={submit}
      data-testid="flow-form"
      data-step={page.step}
      aria-busy={shown.busy}
    >
      <Heading of={shown.flow?.integration_name} title={page.title} />
      {text && <p className="form__text">{text}</p>}
      <p className="form__error" role="alert" data-testid="flow-error">
        {whole.join(" ")}
      </p>
      <FormFields
        fields={page.fields}
        drafts={drafts}
        errors={errors}
        onChange={change}
        autoFocus
      />
      <div className="form__buttons">
        <button type="button" className="button" onClick={props.onLeave}>
          {props.leaveLabel}
        </button>
        <button
          type="submit"
          className="button button--primary"
          disabled={shown.busy}
          data-autofocus={page.fields.length === 0 ? "" : undefined}
          data-testid="flow-submit"
        >
          {shown.busy ? words.working : submitLabel(page, shown.flow?.source)}
        </button>
      </div>
    </form>
  );
}

function isIn(path: string, name: string): boolean {
  return path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`);
}

function Heading({ of, title }: { of: string | undefined; title: string }): ReactNode {
  return (
    <header className="flow__head">
      {of && <p className="flow__of">{of}</p>}
      {title && <h3>{phrase(title)}</h3>}
    </header>
  );
}

function MenuStep(props: StepProps & { page: MenuPage }): ReactNode {
  const { page, shown } = props;
  return (
    <div className="form" data-testid="flow-menu" data-step={page.step}>
      <Heading of={shown.flow?.integration_name} title={page.title} />
      {page.text && <p className="form__text flow__long">{pageText(page, undefined)}</p>}
      <p className="form__error" role="alert">
        {shown.failure && sentence(shown.failure)}
      </p>
      <ul className="choices">
        {page.options.map(({ value, label }, index) => (
          <li key={value}>
            <button
              type="button"
              className="button button--wide"
              disabled={shown.busy}
              data-autofocus={index === 0 ? "" : undefined}
              data-testid={`choice-${value}`}
              onClick={() => shown.choose(value)}
            >
              {phrase(label)}
            </button>
          </li>
        ))}
      </ul>
      <div className="form__buttons">
        <button type="button" className="button" onClick={props.onLeave}>
          {props.leaveLabel}
        </button>
      </div>
    </div>
  );
}

function progressText(page: ProgressPage | undefined, starting: boolean): string {
  if (page) return phrase(page.text) || words.working;
  return starting ? words.loading : "";
}

function ProgressStep(props: {
  page: { readonly kind: string } | undefined;
  onLeave: () => void;
  leaveLabel: string;
}): ReactNode {
  const page = props.page?.kind === "progress" ? (props.page as ProgressPage) : undefined;
  const text = page ? progressText(page, false) : words.loading;
  return (
    <div className="form" data-testid="flow-progress">
      <p className="flow__progress" aria-hidden="true">
        <span className="spinner" /> {text}
      </p>
      {page && page.percent !== null && (
        <progress className="flow__bar" max={100} value={page.percent} aria-label={text} />
      )}
      <div className="form__buttons">
        <button type="button" className="button" onClick={props.onLeave} data-autofocus>
          {props.leaveLabel}
        </button>
      </div>
    </div>
  );
}

function AbortStep(props: FlowStepsProps & { page: AbortPage; onLeave: () => void }): ReactNode {
  const { page } = props;
  const entry = page.entry_id;
  const camera = useHubState((hub) => hub.cameras?.find((one) => entry && one.entry.id === entry));
  return (
    <Ended
      text={abortText(page)}
      good={page.reason === "updated" || page.reason === "already_configured"}
      onLeave={props.onLeave}
      leaveLabel={props.onBack ? words.back : words.close}
    >
      {camera && entry && (
        <button
          type="button"
          className="button button--primary"
          data-testid="flow-show"
          onClick={() => props.onShow(entry)}
        >
          {words.showCamera(camera.name)}
        </button>
      )}
    </Ended>
  );
}

function Ended(props: {
  text: string;
  good?: boolean;
  onLeave: () => void;
  leaveLabel: string;
  children?: ReactNode;
}): ReactNode {
  return (
    <div className="form" data-testid="flow-ended">
      <p className="notice notice--mark" role="alert" data-tone={props.good ? "busy" : "bad"}>
        <AlertIcon />
        {props.text}
      </p>
      <div className="form__buttons">
        <button type="button" className="button" onClick={props.onLeave} data-autofocus>
          {props.leaveLabel}
        </button>
        {props.children}
      </div>
    </div>
  );
}
