import { memo, useCallback, useEffect, useState, type ReactNode } from "react";

import type { Camera, StreamHealth } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import type { LivePlayer } from "../player/index.ts";
import { ActiveMarks } from "./camera_events.tsx";
import { setClockOffset, useCountdown } from "./clock.ts";
import { useHub, useHubState } from "./hub.tsx";
import { AlertIcon, ExpandIcon, KeyIcon, LockIcon, MoreIcon, PlayIcon, ShrinkIcon } from "./icons.tsx";
import { LiveVideo, usePlayerState, usePlayerStats } from "./live_video.tsx";
import { bitrate, frames, number, seconds } from "./numbers.ts";
import { Stills } from "./stills.tsx";
import { chooseProfile, tileState, type TileState } from "./tile_state.ts";
import { useToasts } from "./toasts.tsx";

export interface TileProps {
  readonly camera: Camera;
  /** Width of the picture in device pixels. */
  readonly pixels: number;
  readonly expanded: boolean;
  /** Another tile fills the screen. */
  readonly covered: boolean;
  readonly onExpand: (id: string | null) => void;
  readonly onDetails: (id: string) => void;
  readonly onLogIn: (id: string) => void;
  readonly onPlayer: (id: string, player: LivePlayer | undefined) => void;
}

/** How long a failing sub-stream is left alone, in milliseconds. */
const SUB_AGAIN = 300_000;

/** One camera: its picture, its state with the reason, and what is measured of it. */
export const Tile = memo(function Tile(props: TileProps): ReactNode {
  const { camera, expanded, onPlayer } = props;
  const [player, setPlayer] = useState<LivePlayer>();
  const [profileName, setProfileName] = useState<string>();
  const [mainOnly, setMainOnly] = useState(false);
  const pixels = mainOnly ? Infinity : props.pixels;
  const profile = chooseProfile(camera.profiles, pixels, profileName);
  if (profile && profile.name !== profileName) setProfileName(profile.name);

  const playerState = usePlayerState(player);
  const online = useHubState((hub) => hub.link.state === "online");
  const health = useHubState((hub) => profile && hub.health(`${camera.id}:${profile.name}`));
  const state = tileState(camera, profile, playerState, online || playerState?.phase === "playing");
  const unsupported = playerState?.phase === "unsupported";

  // A camera may promise a sub-stream that it does not give; the main one is tried then, and the
  // other again after a while.
  const failed = profile?.role === "sub" && state.name === "offline";
  useEffect(() => {
    if (failed) setMainOnly(true);
  }, [failed]);
  useEffect(() => {
    if (!mainOnly) return undefined;
    const timer = setTimeout(() => setMainOnly(false), SUB_AGAIN);
    return () => clearTimeout(timer);
  }, [mainOnly]);

  const id = camera.id;
  const keep = useCallback(
    (made: LivePlayer | undefined) => {
      setPlayer(made);
      onPlayer(id, made);
    },
    [id, onPlayer],
  );
  const expand = (): void => props.onExpand(expanded ? null : camera.id);
  const playable = profile !== undefined && camera.entry.state === "loaded" && !camera.disabled;

  return (
    <article
      className="tile"
      id={`tile-${camera.id}`}
      tabIndex={-1}
      data-testid={`tile-${camera.id}`}
      data-state={state.name}
      data-expanded={expanded ? "" : undefined}
      data-picture={playerState?.picture ? "" : undefined}
      inert={props.covered}
      aria-label={camera.name}
    >
      <div className="tile__picture" onDoubleClick={expand} data-current={state.current ? "" : undefined}>
        {playable && (
          <LiveVideo camera={camera.id} name={camera.name} profile={profile.name} onPlayer={keep} />
        )}
        {playable && unsupported && (
          <>
            <Stills camera={camera.id} name={camera.name} profile={profile.name} />
            <p className="caption">{words.unsupportedText}</p>
          </>
        )}
        <ActiveMarks camera={camera.id} />
        <Overlay
          camera={camera}
          state={state}
          player={player}
          quiet={state.name === "live" || unsupported}
          onLogIn={props.onLogIn}
        />
      </div>
      <footer className="tile__foot">
        <div className="tile__title">
          <span className="dot" data-tone={state.tone} aria-hidden="true" />
          <h2 className="tile__name" title={camera.name}>
            {camera.name}
          </h2>
          {camera.read_only && (
            <span className="badge" title={words.readOnlyTitle}>
              <LockIcon />
              {words.readOnlyBadge}
            </span>
          )}
        </div>
        <div className="tile__line">
          <span
            className="tile__state"
            data-testid={`state-${camera.id}`}
            data-state={state.name}
            data-tone={state.tone}
            title={state.explanation ?? state.label}
          >
            {state.label}
          </span>
          <Measures camera={camera} state={state} health={health} player={player} />
        </div>
        <div className="tile__actions">
          <button
            type="button"
            className="button button--icon"
            aria-label={words.details(camera.name)}
            title={words.details(camera.name)}
            data-testid={`details-${camera.id}`}
            onClick={() => props.onDetails(camera.id)}
          >
            <MoreIcon />
          </button>
          <button
            type="button"
            className="button button--icon"
            aria-label={expanded ? words.leaveFullScreen : words.fullScreen(camera.name)}
            title={expanded ? words.leaveFullScreen : words.fullScreen(camera.name)}
            data-testid={`expand-${camera.id}`}
            onClick={expand}
          >
            {expanded ? <ShrinkIcon /> : <ExpandIcon />}
          </button>
        </div>
      </footer>
    </article>
  );
});

/** What lies over the picture while there is something to say. */
function Overlay(props: {
  camera: Camera;
  state: TileState;
  player: LivePlayer | undefined;
  quiet: boolean;
  onLogIn: (id: string) => void;
}): ReactNode {
  const { camera, state, player } = props;
  const hub = useHub();
  const toasts = useToasts();
  const [trying, setTrying] = useState(false);
  const countdown = useCountdown(state.nextTry, "hub");
  if (props.quiet) return null;
  const admin = hub.user.role === "admin";

  const retry = (): void => {
    setTrying(true);
    player?.retry();
    hub.rest
      .reloadCamera(camera.id)
      .catch((error: { code: string; message: string }) =>
        toasts.show(words.reloadFailed(camera.name, sentence(error)), { tone: "bad" }),
      )
      .finally(() => setTrying(false));
  };
  return (
    <div className="overlay" data-tone={state.tone}>
      <p className="overlay__label">
        {state.tone === "bad" && <AlertIcon />}
        {state.tone === "busy" && state.action !== "play" && <span className="spinner" />}
        {state.label}
      </p>
      {state.explanation && <p className="overlay__text">{state.explanation}</p>}
      {countdown !== null && (
        <p className="overlay__text overlay__text--count" data-testid={`next-try-${camera.id}`}>
          {countdown > 0 ? words.nextTryIn(countdown) : words.tryingNow}
        </p>
      )}
      {state.action === "retry" && admin && (
        <button type="button" className="button button--small" disabled={trying} onClick={retry}>
          {trying ? words.reloading : words.tryNow}
        </button>
      )}
      {state.action === "password" && admin && (
        <button
          type="button"
          className="button button--small button--primary"
          data-testid={`log-in-${camera.id}`}
          onClick={() => props.onLogIn(camera.id)}
        >
          <KeyIcon />
          {words.logInAgain}
        </button>
      )}
      {state.action === "play" && (
        <button
          type="button"
          className="button button--small button--primary"
          onClick={() => player?.retry()}
        >
          <PlayIcon />
          {words.clickToPlay}
        </button>
      )}
    </div>
  );
}

/** States besides "live" in which the camera itself is sending. */
const MEASURED = new Set(["buffering", "loading", "blocked", "unsupported"]);

function Measures(props: {
  camera: Camera;
  state: TileState;
  health: StreamHealth | undefined;
  player: LivePlayer | undefined;
}): ReactNode {
  const { camera, state } = props;
  const stats = usePlayerStats(props.player);
  const measured = state.tone === "live" || MEASURED.has(state.name);
  const health = measured ? props.health : undefined;
  const delay = state.current ? (stats?.delay ?? null) : null;
  const score = props.health?.score ?? null;
  const offset = stats?.clockOffset ?? null;
  useEffect(() => {
    if (offset !== null) setClockOffset(offset);
  }, [offset]);
  return (
    <span className="measures" data-quiet={measured ? undefined : ""}>
      <span
        className="measure measure--fps"
        data-testid={`fps-${camera.id}`}
        data-value={health?.fps ?? ""}
        title={words.fpsTitle}
      >
        {words.fps(frames(health?.fps))}
      </span>
      <span
        className="measure measure--rate"
        data-testid={`bitrate-${camera.id}`}
        data-value={health?.bitrate ?? ""}
        title={words.bitrateTitle}
      >
        {bitrate(health?.bitrate)}
      </span>
      <span
        className="measure measure--delay"
        data-testid={`delay-${camera.id}`}
        data-value={delay ?? ""}
        title={words.delayTitle}
      >
        {seconds(delay)}
      </span>
      <Score camera={camera.id} score={score} />
    </span>
  );
}

function Score({ camera, score }: { camera: string; score: number | null }): ReactNode {
  const text = score === null ? words.healthUnknown : words.healthTitle(number(score));
  const tone = score === null ? "idle" : score >= 80 ? "live" : score >= 50 ? "busy" : "bad";
  return (
    <span
      className="measure score"
      role="img"
      aria-label={text}
      title={text}
      data-testid={`health-${camera}`}
      data-value={score ?? ""}
      data-tone={tone}
    >
      <svg className="score__ring" viewBox="0 0 16 16" aria-hidden="true">
        <circle cx="8" cy="8" r="6" />
        <circle
          className="score__part"
          cx="8"
          cy="8"
          r="6"
          pathLength={100}
          strokeDasharray={`${score ?? 0} 100`}
        />
      </svg>
      {number(score)}
    </span>
  );
}
