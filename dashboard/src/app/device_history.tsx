import { useState, type ReactNode } from "react";

import type { ApiError, Device } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { ago } from "./ago.ts";
import { hubNow } from "./clock.ts";
import { deviceTitle } from "./device_words.ts";
import { useHub } from "./hub.tsx";

/** Which device was at which address before, asked for when somebody wants to know. */
export function DeviceHistory(): ReactNode {
  const hub = useHub();
  const [devices, setDevices] = useState<readonly Device[]>();
  const [failure, setFailure] = useState<ApiError>();
  const ask = (): void => {
    setFailure(undefined);
    hub.commands.deviceHistory().then(setDevices, setFailure);
  };
  const sorted = [...(devices ?? [])].sort((one, other) => other.last_seen - one.last_seen);
  return (
    <details
      className="folded"
      onToggle={(event) => {
        if (event.currentTarget.open) ask();
      }}
    >
      <summary data-testid="device-history">{words.foundHistory}</summary>
      {failure && (
        <p className="form__error" role="alert">
          {sentence(failure)}
        </p>
      )}
      {!devices && !failure && (
        <span className="spinner" role="status" aria-label={words.loading} />
      )}
      {devices?.length === 0 && <p className="form__text">{words.foundHistoryNone}</p>}
      <ul className="entries">
        {sorted.map((device) => (
          <Remembered key={device.id} device={device} />
        ))}
      </ul>
    </details>
  );
}

function Remembered({ device }: { device: Device }): ReactNode {
  const now = hubNow();
  const addresses = [...device.addresses].sort((one, other) => other.last_seen - one.last_seen);
  return (
    <li className="entry" data-testid={`remembered-${device.id}`}>
      <div className="entry__text">
        <p className="entry__title">
          {deviceTitle(device)}
          {device.state !== "new" && (
            <span className="badge badge--plain">
              {device.state === "configured" ? words.scanInUse : words.foundIgnoredOne}
            </span>
          )}
        </p>
        {device.mac && <p className="entry__line">MAC: {device.mac}</p>}
        {addresses.map((span) => (
          <p key={`${span.host} ${span.first_seen}`} className="entry__line">
            {words.foundAt(span.host, ago(span.first_seen, now), ago(span.last_seen, now))}
          </p>
        ))}
      </div>
    </li>
  );
}
