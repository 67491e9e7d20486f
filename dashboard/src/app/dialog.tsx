import { useEffect, useId, useRef, type ReactNode } from "react";

import { words } from "../i18n/index.ts";
import { CloseIcon } from "./icons.tsx";
import { useToasts } from "./toasts.tsx";

/** A modal dialog; Escape, the close button and a click beside it close it. */
export function Dialog(props: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
  testId?: string;
}): ReactNode {
  const element = useRef<HTMLDialogElement>(null);
  const title = useId();
  const { onClose } = props;
  const { showIn } = useToasts();
  useEffect(() => {
    const dialog = element.current;
    if (!dialog || dialog.open) return undefined;
    const before = document.activeElement;
    dialog.showModal();
    // showModal() takes the first thing that can have the focus: the close button.
    dialog.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    const endToasts = showIn(dialog);
    return () => {
      endToasts();
      // A dialog that is removed gives the focus back to nobody.
      dialog.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, [showIn]);
  return (
    <dialog
      ref={element}
      className={props.wide ? "dialog dialog--wide" : "dialog"}
      aria-labelledby={title}
      data-testid={props.testId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onPointerDown={(event) => {
        if (event.target === event.currentTarget) onClose();
      }}
    >
      <div className="dialog__body">
        <header className="dialog__head">
          <h2 id={title}>{props.title}</h2>
          <button
            type="button"
            className="button button--icon"
            aria-label={words.close}
            onClick={onClose}
          >
            <CloseIcon />
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}
