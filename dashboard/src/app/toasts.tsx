import { createContext, useCallback, useContext, useMemo, useRef, useState, type ReactNode } from "react";
import { createPortal } from "react-dom";

import { words } from "../i18n/index.ts";
import { CloseIcon } from "./icons.tsx";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly tone: "plain" | "bad";
  readonly action?: { readonly label: string; readonly run: () => void };
}

interface Toasts {
  /** Show a message for some seconds; returns what takes it away earlier. */
  show(text: string, options?: Partial<Pick<Toast, "tone" | "action">> & { seconds?: number }): () => void;
  /** Show them within a modal dialog, as nothing else can be used; returns what ends that. */
  showIn(dialog: HTMLElement): () => void;
}

const ToastContext = createContext<Toasts>({
  show: () => () => undefined,
  showIn: () => () => undefined,
});

export function useToasts(): Toasts {
  return useContext(ToastContext);
}

/** Shows messages at the bottom of the page, above everything else, also an open dialog. */
export function ToastArea({ children }: { children: ReactNode }): ReactNode {
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const [dialogs, setDialogs] = useState<readonly HTMLElement[]>([]);
  const nextId = useRef(1);
  const dismiss = useCallback(
    (id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)),
    [],
  );
  const value = useMemo<Toasts>(
    () => ({
      show: (text, { tone = "plain", action, seconds = 6 } = {}) => {
        const id = nextId.current++;
        setToasts((all) => [...all.slice(-3), { id, text, tone, ...(action ? { action } : {}) }]);
        const timer = setTimeout(() => dismiss(id), seconds * 1000);
        return () => {
          clearTimeout(timer);
          dismiss(id);
        };
      },
      showIn: (dialog) => {
        setDialogs((all) => [...all, dialog]);
        return () => setDialogs((all) => all.filter((one) => one !== dialog));
      },
    }),
    [dismiss],
  );
  const top = dialogs.at(-1);
  return (
    <ToastContext value={value}>
      {children}
      <ToastList toasts={top ? [] : toasts} dismiss={dismiss} />
      {top && createPortal(<ToastList toasts={toasts} dismiss={dismiss} />, top)}
    </ToastContext>
  );
}

function ToastList(props: {
  toasts: readonly Toast[];
  dismiss: (id: number) => void;
}): ReactNode {
  const { toasts, dismiss } = props;
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map((toast) => (
        <div key={toast.id} className="toast" data-tone={toast.tone} data-testid="toast">
          <span>{toast.text}</span>
          {toast.action && (
            <button
              type="button"
              className="button button--link"
              onClick={() => {
                toast.action?.run();
                dismiss(toast.id);
              }}
            >
              {toast.action.label}
            </button>
          )}
          <button
            type="button"
            className="button button--icon"
            aria-label={words.dismiss}
            onClick={() => dismiss(toast.id)}
          >
            <CloseIcon />
          </button>
        </div>
      ))}
    </div>
  );
}
