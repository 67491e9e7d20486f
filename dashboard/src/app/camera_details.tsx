import { useState, type ReactNode } from "react";

import type { ApiError, Camera, Profile, StreamHealth } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import type { LivePlayer } from "../player/index.ts";
import { CameraActions, type Change } from "./camera_actions.tsx";
import { CameraControls, hasControls } from "./camera_controls.tsx";
import { RecentEvents } from "./camera_events.tsx";
import { CameraName } from "./camera_name.tsx";
import { Dialog } from "./dialog.tsx";
import { useHub, useHubState } from "./hub.tsx";
import { usePlayerState, usePlayerStats } from "./live_video.tsx";
import { bitrate, frames, milliseconds, number, seconds } from "./numbers.ts";
import { tileState } from "./tile_state.ts";

/** Seconds by which a camera's clock may be wrong without a word about it. */
const CLOCK_DRIFT = 5;

interface DetailsProps {
  readonly camera: Camera;
  readonly player: LivePlayer | undefined;
  readonly onClose: () => void;
  readonly onChange: (camera: Camera, change: Change) => void;
  readonly onRemove: (camera: Camera) => void;
}

/** Everything known of one camera, and what can be done with it. */
export function CameraDetails(props: DetailsProps): ReactNode {
  const { camera } = props;
  const hub = useHub();
  const [confirming, setConfirming] = useState<"remove" | "reboot" | null>(null);
  const [error, setError] = useState("");
  const back = (): void => setConfirming(null);

  if (confirming === "remove") {
    return (
      <Confirmation
        title={
          camera.channel === null ? words.removeTitle(camera.name) : words.hideTitle(camera.name)
        }
        text={camera.channel === null ? words.removeText : words.hideText(camera.entry.name)}
        label={camera.channel === null ? words.remove : words.hide}
        testId="remove"
        onConfirm={() => props.onRemove(camera)}
        onCancel={back}
      />
    );
  }
  if (confirming === "reboot") {
    const reboot = (): void => {
      back();
      setError("");
      hub.commands.reboot(camera.id).catch((failure: ApiError) => setError(sentence(failure)));
    };
    return (
      <Confirmation
        title={words.rebootTitle(camera.name)}
        text={words.rebootText}
        label={words.reboot}
        testId="reboot"
        onConfirm={reboot}
        onCancel={back}
      />
    );
  }

  const model = [camera.manufacturer, camera.model].filter(Boolean).join(" ");
  const state = tileState(camera, mainProfile(camera), undefined, true);
  return (
    <Dialog key="details" title={camera.name} onClose={props.onClose} wide testId="details-dialog">
      {hub.admin && !camera.read_only && <CameraName camera={camera} />}
      {camera.read_only && (
        <p className="notice" data-testid="read-only">
          {words.readOnlyText}
        </p>
      )}
      {state.explanation && (
        <p className="notice" data-tone={state.tone}>
          <strong>{state.label}.</strong> {state.explanation}
        </p>
      )}
      {camera.online === false && (
        <p className="notice" data-tone="bad" data-testid="channel-offline">
          {words.channelOffline(camera.entry.name)}
        </p>
      )}
      {camera.clock_offset !== null && Math.abs(camera.clock_offset) > CLOCK_DRIFT && (
        <p className="notice" data-tone="busy" data-testid="clock-drift">
          {words.clockDrift(number(Math.abs(camera.clock_offset)), camera.clock_offset > 0)}
        </p>
      )}
      {hub.admin && hasControls(camera) && <CameraControls camera={camera} />}
      <dl className="facts">
        <Fact label={words.detailId} value={camera.id} />
        <Fact label={words.detailIntegration} value={camera.integration} />
        {model && <Fact label={words.detailModel} value={model} />}
        {camera.channel !== null && (
          <Fact label={words.detailChannel} value={`${camera.entry.name} · ${camera.channel}`} />
        )}
        {camera.serial && <Fact label={words.detailSerial} value={camera.serial} />}
        {camera.mac && <Fact label={words.detailMac} value={camera.mac} />}
        {camera.firmware && <Fact label={words.detailFirmware} value={camera.firmware} />}
        <Fact label={words.detailAddress} value={addressOf(camera)} />
        <Fact label={words.detailState} value={state.label} />
        <Fact
          label={words.detailConnection}
          value={camera.preload ? words.preloaded : words.onDemand}
        />
      </dl>
      {camera.profiles.map((profile) => (
        <ProfileFacts key={profile.name} camera={camera} profile={profile} />
      ))}
      {camera.capabilities.includes("events") && <RecentEvents camera={camera.id} />}
      {props.player && <PlayerFacts player={props.player} />}
      {hub.admin && (
        <CameraActions
          camera={camera}
          player={props.player}
          error={error}
          onError={setError}
          onChange={props.onChange}
          onConfirm={setConfirming}
        />
      )}
    </Dialog>
  );
}

function Confirmation(props: {
  title: string;
  text: string;
  label: string;
  testId: string;
  onConfirm: () => void;
  onCancel: () => void;
}): ReactNode {
  return (
    <Dialog
      key={props.testId}
      title={props.title}
      onClose={props.onCancel}
      testId={`${props.testId}-dialog`}
    >
      <p className="form__text">{props.text}</p>
      <div className="form__buttons">
        <button type="button" className="button" onClick={props.onCancel} data-autofocus>
          {words.cancel}
        </button>
        <button
          type="button"
          className="button button--danger"
          data-testid={`${props.testId}-confirm`}
          onClick={props.onConfirm}
        >
          {props.label}
        </button>
      </div>
    </Dialog>
  );
}

function mainProfile(camera: Camera): Profile | undefined {
  return camera.profiles.find((profile) => profile.role === "main") ?? camera.profiles[0];
}

/** Where the camera is, as it was configured. */
function addressOf(camera: Camera): string {
  const { url, host, port } = camera.config;
  if (typeof url === "string") return url;
  if (typeof host === "string") return typeof port === "number" ? `${host}:${port}` : host;
  return words.unknown;
}

function Fact({ label, value }: { label: string; value: ReactNode }): ReactNode {
  return (
    <div className="fact">
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function ProfileFacts({ camera, profile }: { camera: Camera; profile: Profile }): ReactNode {
  const health = useHubState((hub) => hub.health(`${camera.id}:${profile.name}`));
  const size = profile.width > 0 ? `${profile.width} × ${profile.height}` : words.unknown;
  const codec = profile.codec_string || profile.codec || words.unknown;
  return (
    <section className="facts__group">
      <h3>{words.detailStream(profile.name)}</h3>
      <dl className="facts">
        <Fact label={words.detailFormat} value={`${size} · ${codec}`} />
        {profile.audio && <Fact label={words.detailAudio} value={profile.audio} />}
        {profile.bit_rate !== null && (
          <Fact label={words.detailDeclared} value={bitrate(profile.bit_rate)} />
        )}
        <Fact
          label={words.detailViewers}
          value={number(health?.viewers ?? profile.stream.viewers)}
        />
        {health && <HealthFacts health={health} />}
      </dl>
    </section>
  );
}

function HealthFacts({ health }: { health: StreamHealth }): ReactNode {
  const latency = `${number(health.latency_p50, 1)} · ${milliseconds(health.latency_p99)}`;
  return (
    <>
      <Fact
        label={words.detailFps}
        value={`${frames(health.fps)} / ${frames(health.expected_fps)}`}
      />
      <Fact label={words.detailBitrate} value={bitrate(health.bitrate)} />
      <Fact label={words.detailKeyframes} value={seconds(health.keyframe_interval)} />
      <Fact label={words.detailLost} value={number(health.lost_packets)} />
      <Fact label={words.detailReconnects} value={number(health.reconnects)} />
      <Fact label={words.detailLatency} value={latency} />
      <Fact label={words.detailFirst} value={seconds(health.time_to_first_frame)} />
      <Fact label={words.detailSkips} value={number(health.skips)} />
    </>
  );
}

function PlayerFacts({ player }: { player: LivePlayer }): ReactNode {
  const stats = usePlayerStats(player);
  const state = usePlayerState(player);
  if (!stats) return null;
  return (
    <section className="facts__group">
      <h3>{words.detailHere}</h3>
      <dl className="facts">
        <Fact label={words.detailDelay} value={seconds(stats.delay)} />
        <Fact
          label={words.detailBuffered}
          value={`${seconds(stats.buffered)} · ×${number(stats.rate, 2)}`}
        />
        <Fact label={words.detailDropped} value={number(stats.droppedFrames)} />
        <Fact label={words.detailStalls} value={number(stats.stalls)} />
        {state?.error && <Fact label={words.detailState} value={state.error} />}
      </dl>
    </section>
  );
}
