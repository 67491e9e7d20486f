import { useEffect, useState, type ReactNode } from "react";

import type { IntegrationInfo } from "../client/index.ts";
import { words } from "../i18n/index.ts";
import { Dialog } from "./dialog.tsx";
import { FlowSteps } from "./flow_steps.tsx";
import { useHub, useHubState } from "./hub.tsx";
import { IntegrationPicker } from "./integration_picker.tsx";

/** Adds a camera of any integration: which one, then what that asks. */
export function AddCamera(props: {
  onClose: () => void;
  onDone: (entry: string) => void;
  onShow: (entry: string) => void;
}): ReactNode {
  const hub = useHub();
  const integrations = useHubState((state) => state.integrations);
  const [chosen, setChosen] = useState<IntegrationInfo>();
  // A plugin may have come since the page was opened.
  useEffect(() => hub.refreshIntegrations(), [hub]);
  return (
    <Dialog title={words.addTitle} onClose={props.onClose} testId="add-dialog">
      {chosen ? (
        <FlowSteps
          key={chosen.domain}
          start={{ integration: chosen.domain, source: "user" }}
          onDone={props.onDone}
          onShow={props.onShow}
          onClose={props.onClose}
          onBack={() => setChosen(undefined)}
        />
      ) : integrations ? (
        <IntegrationPicker integrations={integrations} onPick={setChosen} />
      ) : (
        <p className="form__text" role="status">
          <span className="spinner" /> {words.loading}
        </p>
      )}
    </Dialog>
  );
}
