import { useState, type ReactNode } from "react";

import type { ApiError, DiscoveryStatus, Flow } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { ago } from "./ago.ts";
import { useNow } from "./clock.ts";
import { offered, sourceName } from "./device_words.ts";
import { DeviceHistory } from "./device_history.tsx";
import { OfferedFlow } from "./flow_entry.tsx";
import { FoundDevice } from "./found_device.tsx";
import { useHub, useHubState } from "./hub.tsx";
import { SharedLogin } from "./shared_login.tsx";
import { useToasts } from "./toasts.tsx";
import { useFound } from "./use_found.ts";
import { waiting } from "./waiting.ts";

/** The devices that were found on the network, one by one or several at once to be added. */
export function FoundDevices({ onOpen }: { onOpen: (flow: Flow) => void }): ReactNode {
  const found = useFound();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [told, setTold] = useState("");
  if (found === "refused") return <OfferedFlows onOpen={onOpen} />;
  if (!found) return <span className="spinner" role="status" aria-label={words.loading} />;
  const devices = offered(found.devices.values());
  const ignored = [...found.devices.values()].filter(({ state }) => state === "ignored");
  const together = devices.filter(({ id }) => chosen.has(id));
  const several = devices.length > 1 || together.length > 0;
  const choose = (id: string, wanted: boolean): void => {
    const next = new Set(chosen);
    if (wanted) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  return (
    <>
      <Looking status={found.status} />
      {devices.length === 0 && <p className="form__text">{words.inboxEmpty}</p>}
      {/* The cards themselves change with every answer of a device: too often to be read out. */}
      <p className="visually-hidden" role="status">
        {words.foundCount(devices.length)}
      </p>
      <ul className="entries" data-testid="found-devices">
        {devices.map((device) => (
          <FoundDevice
            key={device.id}
            device={device}
            onOpen={onOpen}
            {...(several
              ? {
                  chosen: chosen.has(device.id),
                  onChoose: (wanted: boolean) => choose(device.id, wanted),
                }
              : {})}
          />
        ))}
      </ul>
      {/* It stays when what it tells of has left the list. */}
      <p className="notice notice--quiet" role="status" data-testid="adopt-many-result">
        {told}
      </p>
      {several && (
        <details className="folded">
          <summary data-testid="adopt-several">{words.foundSeveral}</summary>
          <SharedLogin
            devices={together}
            onDone={(result, failed) => {
              setTold(result);
              setChosen(new Set(failed));
            }}
          />
        </details>
      )}
      {ignored.length > 0 && (
        <details className="folded">
          <summary data-testid="ignored-devices">{words.foundIgnored(ignored.length)}</summary>
          <ul className="entries">
            {ignored.map((device) => (
              <FoundDevice key={device.id} device={device} onOpen={onOpen} />
            ))}
          </ul>
        </details>
      )}
      <DeviceHistory />
    </>
  );
}

/** What a hub offers that tells of no devices: the flows that add them. */
function OfferedFlows({ onOpen }: { onOpen: (flow: Flow) => void }): ReactNode {
  const flows = useHubState((hub) => hub.flows);
  const found = waiting(flows).filter(({ source }) => source === "discovery");
  if (found.length === 0) return <p className="form__text">{words.inboxEmpty}</p>;
  return (
    <ul className="entries">
      {found.map((flow) => (
        <OfferedFlow key={flow.id} flow={flow} onOpen={onOpen} />
      ))}
    </ul>
  );
}

/** What is being asked, when it was last, and what cannot be. */
function Looking({ status }: { status: DiscoveryStatus }): ReactNode {
  const hub = useHub();
  const toasts = useToasts();
  const now = useNow(5_000);
  const troubled = status.methods.filter(({ problem }) => problem !== null);
  const methods = status.methods.filter(({ listening }) => listening);
  const again = (): void => {
    hub.commands
      .lookAgain()
      .catch((error: ApiError) =>
        toasts.show(words.commandFailed(words.foundAgain, sentence(error)), { tone: "bad" }),
      );
  };
  return (
    <div className="looking">
      <p className="entry__line" data-testid="discovery-status">
        {!status.enabled
          ? words.foundDisabled
          : status.asking
            ? words.foundAsking
            : status.last_round !== null && words.foundAsked(ago(status.last_round, now))}
        {methods.length > 0 && ` · ${methods.map(({ name }) => sourceName(name)).join(", ")}`}
      </p>
      {status.enabled && (
        <button
          type="button"
          className="button button--small"
          data-testid="discovery-refresh"
          onClick={again}
        >
          {words.foundAgain}
        </button>
      )}
      {troubled.map(({ name, problem }) => (
        <p key={name} className="entry__line" data-tone="bad">
          {words.foundTrouble(sourceName(name), problem ?? "")}
        </p>
      ))}
    </div>
  );
}
