/** Begins a flow or takes part in one that there is, and answers its pages. */

import { useEffect, useRef, useState } from "react";

import { ended, type ApiError, type FieldValue, type Flow } from "../client/index.ts";
import { useHub, useHubState } from "./hub.tsx";

export type FlowStart =
  | { readonly flow: string }
  | {
      readonly integration: string;
      readonly source: "user" | "reauth" | "reconfigure" | "options";
      readonly entry?: string;
    };

export interface ShownFlow {
  readonly flow: Flow | undefined;
  /** It was not begun, or the last answer was not taken. */
  readonly failure: ApiError | undefined;
  /** The hub knows it no longer. */
  readonly gone: boolean;
  readonly busy: boolean;
  readonly submit: (values: Readonly<Record<string, FieldValue>>) => void;
  readonly choose: (choice: string) => void;
}

/** Flows that go on without anybody looking: they wait in the inbox. */
const STAYING = new Set(["discovery", "reauth"]);

/** `start` counts only once. What is begun here is cancelled when it is left before its end. */
export function useFlow(start: FlowStart): ShownFlow {
  const hub = useHub();
  const [id, setId] = useState("flow" in start ? start.flow : undefined);
  const [failure, setFailure] = useState<ApiError>();
  const [busy, setBusy] = useState(false);
  const flow = useHubState((state) => (id === undefined ? undefined : state.flows.get(id)));

  const begin = useRef(start).current;
  useEffect(() => {
    if ("flow" in begin) return undefined;
    let left = false;
    let made: Flow | undefined;
    const leave = (): void => {
      const now = made && (hub.flows.get(made.id) ?? made);
      if (!now || ended(now) || STAYING.has(now.source)) return;
      hub.commands.cancelFlow(now.id).catch(() => undefined);
    };
    hub.commands.startFlow(begin.integration, begin.source, begin.entry).then(
      (answer) => {
        made = answer;
        if (left) return leave();
        hub.putFlow(answer);
        setId(answer.id);
      },
      (error: ApiError) => {
        if (!left) setFailure(error);
      },
    );
    return () => {
      left = true;
      leave();
    };
  }, [hub, begin]);

  const answer = (asked: Promise<Flow>): void => {
    setBusy(true);
    setFailure(undefined);
    asked
      .then((next) => hub.putFlow(next))
      .catch((error: ApiError) => setFailure(error))
      .finally(() => setBusy(false));
  };
  return {
    flow,
    failure,
    gone: id !== undefined && (flow === undefined || isUnknown(failure)),
    busy,
    submit: (values) => id !== undefined && answer(hub.commands.submitFlow(id, values)),
    choose: (choice) => id !== undefined && answer(hub.commands.chooseInFlow(id, choice)),
  };
}

function isUnknown(failure: ApiError | undefined): boolean {
  return failure !== undefined && failure.code === "NOT_FOUND";
}
