import { useState, type ReactNode } from "react";

import type { ApiError, Device, Flow } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { ago } from "./ago.ts";
import { useNow } from "./clock.ts";
import { besideTitle, confidenceText, deviceTitle, sourceName } from "./device_words.ts";
import { useHub, useHubState } from "./hub.tsx";
import { CameraIcon } from "./icons.tsx";
import { useToasts } from "./toasts.tsx";

interface FoundDeviceProps {
  readonly device: Device;
  /** Whether it is chosen, and what chooses it; undefined where there is nothing to choose. */
  readonly chosen?: boolean;
  readonly onChoose?: (chosen: boolean) => void;
  readonly onOpen: (flow: Flow) => void;
}

/** A device that was found: what it is, what speaks for that, and what can be done about it. */
export function FoundDevice({ device, chosen, onChoose, onOpen }: FoundDeviceProps): ReactNode {
  const hub = useHub();
  const toasts = useToasts();
  const now = useNow(5_000);
  const [busy, setBusy] = useState(false);
  const title = deviceTitle(device);
  const ignored = device.state === "ignored";
  const choices = useChoices(device);
  const [other, setOther] = useState<string>();
  const integration = other ?? device.integration;

  const run = (what: Promise<unknown>): void => {
    setBusy(true);
    what
      .catch((error: ApiError) =>
        toasts.show(words.commandFailed(title, sentence(error)), { tone: "bad" }),
      )
      .finally(() => setBusy(false));
  };
  const adopt = (): void =>
    run(
      hub.commands.adoptDevice(device.id, other).then((flow) => {
        hub.putFlow(flow);
        onOpen(flow);
      }),
    );
  const offer = (): void => run(hub.commands.offerDevice(device.id));
  const ignore = (): void =>
    run(
      hub.commands.ignoreDevice(device.id).then(() =>
        toasts.show(words.inboxIgnored(title), { action: { label: words.undo, run: offer } }),
      ),
    );
  const waiting = busy || device.adopting;
  return (
    <li
      className="entry found"
      data-testid={`device-${device.id}`}
      data-host={device.host}
      data-state={device.state}
      data-gone={device.present ? undefined : ""}
    >
      {onChoose && device.integration !== null && (
        <input
          type="checkbox"
          className="found__choose"
          checked={chosen ?? false}
          disabled={waiting}
          aria-label={words.foundChoose(title)}
          onChange={(event) => onChoose(event.target.checked)}
        />
      )}
      <Picture key={device.host} device={device} />
      <div className="entry__text">
        <p className="entry__title">{title}</p>
        <p className="entry__line">
          {[
            device.host !== title && device.host,
            ...besideTitle(device),
            device.integration_name &&
              `${device.integration_name}, ${confidenceText(device.confidence)}`,
            !device.present && words.foundGone(ago(device.last_seen, now)),
          ]
            .filter(Boolean)
            .join(" · ")}
        </p>
        {device.details["activated"] === "no" && (
          <p className="entry__line">{words.foundNotActivated}</p>
        )}
        {device.problem && (
          <p className="entry__line" data-tone="bad" role="alert">
            {sentence(device.problem)}
          </p>
        )}
      </div>
      <div className="entry__actions">
        {device.adopting && (
          <span className="spinner" role="status" aria-label={words.foundAdding} />
        )}
        {ignored ? (
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            aria-label={`${words.foundOffer}: ${title}`}
            data-testid={`offer-${device.id}`}
            onClick={offer}
          >
            {words.foundOffer}
          </button>
        ) : (
          <>
            <button
              type="button"
              className="button button--small"
              disabled={waiting}
              aria-label={`${words.inboxIgnore}: ${title}`}
              data-testid={`ignore-${device.id}`}
              onClick={ignore}
            >
              {words.inboxIgnore}
            </button>
            {choices.length > 0 && (
              <select
                className="found__other"
                aria-label={words.foundOther(title)}
                disabled={waiting}
                value={integration ?? ""}
                data-testid={`integration-of-${device.id}`}
                onChange={(event) => setOther(event.target.value)}
              >
                {integration === null && <option value="">{words.foundOtherHint}</option>}
                {choices.map(({ domain, name }) => (
                  <option key={domain} value={domain}>
                    {name}
                  </option>
                ))}
              </select>
            )}
            <button
              type="button"
              className="button button--small button--primary"
              disabled={waiting || integration === null}
              aria-label={`${words.inboxAdd}: ${title}`}
              data-testid={`adopt-${device.id}`}
              onClick={adopt}
            >
              {words.inboxAdd}
            </button>
          </>
        )}
      </div>
      <Evidence device={device} now={now} />
    </li>
  );
}

/** The integrations to choose from: those that know it, or all if none does. */
function useChoices(device: Device): readonly { readonly domain: string; readonly name: string }[] {
  const all = useHubState((hub) => hub.integrations) ?? [];
  if (device.candidates.length === 0) return all;
  const known = device.candidates.map(({ integration, name }) => ({ domain: integration, name }));
  return known.length > 1 ? known : [];
}

/** What it sees, if it lets anyone see that; else only that it is a camera. */
function Picture({ device }: { device: Device }): ReactNode {
  const hub = useHub();
  const [failed, setFailed] = useState(false);
  const [there, setThere] = useState(false);
  const asked = device.snapshot && device.state === "new" && !failed;
  return (
    <span className="found__picture">
      {!there && <CameraIcon />}
      {asked && (
        <img
          src={hub.rest.foundPictureUrl(device.id)}
          alt={words.foundPicture(deviceTitle(device))}
          hidden={!there}
          onLoad={() => setThere(true)}
          onError={() => setFailed(true)}
        />
      )}
    </span>
  );
}

function Evidence({ device, now }: { device: Device; now: number }): ReactNode {
  const before = device.addresses.filter(({ host }) => host !== device.host);
  const facts = [
    device.serial && `${words.serial}: ${device.serial}`,
    device.mac && `MAC: ${device.mac}`,
    device.firmware && `${words.firmware}: ${device.firmware}`,
  ].filter(Boolean);
  return (
    <details className="found__evidence">
      <summary>{words.foundWhy(device.evidence.length)}</summary>
      {facts.length > 0 && <p className="entry__line">{facts.join(" · ")}</p>}
      <ul>
        {device.evidence.map((one) => (
          <li key={`${one.source} ${one.integration} ${one.first_seen}`}>
            <span className="badge badge--plain">{sourceName(one.source)}</span> {one.text}{" "}
            <span className="entry__line">
              {one.host} · {ago(one.last_seen, now)}
            </span>
          </li>
        ))}
        {before.map((span) => (
          <li key={span.host} className="entry__line">
            {words.foundBefore(span.host, ago(span.last_seen, now))}
          </li>
        ))}
      </ul>
    </details>
  );
}
