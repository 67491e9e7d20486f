import { type ReactNode } from "react";

import { words } from "../i18n/index.ts";
import { Dialog } from "./dialog.tsx";
import { FlowSteps } from "./flow_steps.tsx";
import type { FlowStart } from "./use_flow.ts";

/** Leads through one flow; closing cancels it, unless it waits in the inbox. */
export function FlowDialog(props: {
  title: string;
  start: FlowStart;
  onClose: () => void;
  onDone: (entry: string) => void;
  onShow: (entry: string) => void;
}): ReactNode {
  return (
    <Dialog title={props.title || words.loading} onClose={props.onClose} testId="flow-dialog">
      <FlowSteps
        start={props.start}
        onDone={props.onDone}
        onShow={props.onShow}
        onClose={props.onClose}
      />
    </Dialog>
  );
}
