import { useEffect, useRef, useState, type FormEvent, type ReactNode } from "react";

import type { ApiError, NetworkInterface, ScanRequest } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { Choice, Field } from "./field.tsx";
import { number } from "./numbers.ts";
import { ownRanges } from "./scan_words.ts";

const PROFILES = ["quick", "normal", "deep", "custom"] as const;
type Profile = (typeof PROFILES)[number];

/** What the hub refuses unless it is confirmed. */
const TOO_LARGE = "SCAN_TOO_LARGE";

/** What is to be scanned: the own networks, until somebody writes something else. */
export function ScanForm(props: {
  /** The hub's own. */
  readonly interfaces: readonly NetworkInterface[];
  readonly failure: ApiError | undefined;
  readonly busy: boolean;
  readonly onStart: (request: ScanRequest) => void;
}): ReactNode {
  const { failure, busy } = props;
  const [typed, setTyped] = useState<string>();
  const [profile, setProfile] = useState<Profile>("quick");
  const [ports, setPorts] = useState("");
  const ranges = typed ?? ownRanges(props.interfaces);
  const request: ScanRequest =
    profile === "custom" ? { ranges, ports } : { ranges, profile };
  const complete = ranges.trim() !== "" && (profile !== "custom" || ports.trim() !== "");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (complete && !busy) props.onStart(request);
  };
  const ofPorts = failure?.fields.some(({ key }) => key === "ports") && profile === "custom";
  const refused = failure && failure.code !== TOO_LARGE ? sentence(failure) : undefined;
  return (
    <form className="scan__form" data-testid="scan-form" onSubmit={submit}>
      <p className="form__text">{words.scanText}</p>
      <Field
        label={words.scanRanges}
        name="ranges"
        value={ranges}
        hint={words.scanRangesHint}
        placeholder="192.0.2.0/24"
        error={ofPorts ? undefined : refused}
        onChange={setTyped}
      />
      <Choice
        label={words.scanProfile}
        name="profile"
        value={profile}
        options={PROFILES.map((value) => ({ value, label: words.scanProfiles[value] }))}
        onChange={(value) => setProfile(value as Profile)}
      />
      {profile === "custom" && (
        <Field
          label={words.scanPortsOwn}
          name="ports"
          value={ports}
          placeholder="80, 554, 8000-8010"
          error={ofPorts ? refused : undefined}
          onChange={setPorts}
        />
      )}
      <button
        type="submit"
        className="button button--primary"
        disabled={busy || !complete}
        data-testid="scan-start"
      >
        {words.scanStart}
      </button>
      {failure?.code === TOO_LARGE && (
        <Confirm
          failure={failure}
          busy={busy}
          onConfirm={() => props.onStart({ ...request, confirmed: true })}
        />
      )}
    </form>
  );
}

/** Asks whether so many addresses are meant. */
function Confirm(props: {
  readonly failure: ApiError;
  readonly busy: boolean;
  readonly onConfirm: () => void;
}): ReactNode {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => button.current?.focus(), []);
  const { count } = props.failure.details;
  return (
    <div className="notice scan__confirm" role="alert" data-testid="scan-confirm">
      <p>
        {typeof count === "number" ? words.scanLarge(number(count)) : sentence(props.failure)}
      </p>
      <button
        ref={button}
        type="button"
        className="button button--small"
        disabled={props.busy}
        onClick={props.onConfirm}
      >
        {words.scanAnyway}
      </button>
    </div>
  );
}
