/** Puts what is known of a camera into one state for its tile. Pure. */

import type { Camera, Profile, Reason } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import type { PlayerState } from "../player/index.ts";

export type Tone = "live" | "busy" | "bad" | "idle";

export interface TileState {
  /** Stable name, for tests and styles. */
  readonly name: string;
  readonly tone: Tone;
  /** In words, in the page's language. */
  readonly label: string;
  /** Why, and what to do, in words. */
  readonly explanation: string | null;
  /** Seconds since the epoch on the hub's clock. */
  readonly nextTry: number | null;
  readonly action: "retry" | "password" | "play" | null;
  /** The picture is what the camera sees now. */
  readonly current: boolean;
}

function state(name: string, tone: Tone, label: string, more: Partial<TileState> = {}): TileState {
  return {
    name,
    tone,
    label,
    explanation: null,
    nextTry: null,
    action: null,
    current: false,
    ...more,
  };
}

function authFailed(camera: Camera): TileState {
  return state("auth_failed", "bad", words.stateAuthFailed, {
    explanation: camera.read_only ? words.authFailedYaml : words.authFailedText,
    action: camera.read_only ? "retry" : "password",
  });
}

function ofEntry(camera: Camera): TileState | undefined {
  const { entry } = camera;
  const explanation = entry.reason ? sentence(entry.reason) : null;
  const failed = { explanation, nextTry: entry.next_try || null, action: "retry" } as const;
  if (camera.disabled || entry.state === "disabled") {
    return state("disabled", "idle", words.stateDisabled, { explanation: words.disabledText });
  }
  switch (entry.state) {
    case "loaded":
      return undefined;
    case "auth_failed":
      return authFailed(camera);
    case "setup_in_progress":
      return state("setup_in_progress", "busy", words.stateSetup);
    case "setup_retry":
      return state("setup_retry", "bad", words.stateSetupRetry, failed);
    case "not_loaded":
      return state("not_loaded", "idle", words.stateNotLoaded, failed);
    default:
      return state(entry.state, "bad", words.stateSetupError, failed);
  }
}

function ofPlayer(player: PlayerState): TileState {
  switch (player.phase) {
    case "playing":
      return state("live", "live", words.stateLive, { current: true });
    case "sleeping":
    case "idle":
      return state("live", "live", words.stateLive);
    case "buffering":
      return state("buffering", "busy", words.stateBuffering);
    case "blocked":
      return state("blocked", "busy", words.stateBlocked, {
        explanation: words.blockedText,
        action: "play",
      });
    default:
      return state("loading", "busy", words.stateLoading);
  }
}

/** The state of `camera`, whose `profile` is shown by a player in state `player`. */
export function tileState(
  camera: Camera,
  profile: Profile | undefined,
  player: PlayerState | undefined,
  online: boolean,
): TileState {
  if (!online) return state("no_hub", "busy", words.stateNoHub);
  const entry = ofEntry(camera);
  if (entry) return entry;
  if (!profile) return state("no_streams", "bad", words.stateNoStreams, { action: "retry" });

  // The player's own connection tells first; the list of cameras, when the player sleeps.
  const told = player?.source;
  const name = told?.state ?? profile.stream.state;
  const reason: Reason | null = told ? told.reason : profile.stream.reason;
  const explanation = reason ? sentence(reason) : null;
  const nextTry = (told ? told.nextTry : profile.stream.next_try) || null;
  switch (name) {
    case "auth_failed":
      return authFailed(camera);
    case "retrying":
      return state(name, "busy", words.stateRetrying, { explanation, nextTry, action: "retry" });
    case "offline":
      return state(name, "bad", words.stateOffline, { explanation, nextTry, action: "retry" });
    case "connecting":
      return state(name, "busy", words.stateConnecting);
  }
  if (player?.phase === "unsupported") {
    return state("unsupported", "busy", words.stateUnsupported, {
      explanation: words.unsupportedText,
    });
  }
  if (name === "live") return player ? ofPlayer(player) : state("live", "live", words.stateLive);
  if (player && player.phase !== "sleeping" && player.phase !== "idle") {
    return state("connecting", "busy", words.stateConnecting);
  }
  return state("idle", "idle", words.stateIdle);
}

/**
 * The profile to show in `pixels` of width: the smallest that is sharp enough, the main one when
 * sizes are not known. `current` is kept unless another one is clearly better.
 */
export function chooseProfile(
  profiles: readonly Profile[],
  pixels: number,
  current?: string,
): Profile | undefined {
  const main = profiles.find((profile) => profile.role === "main") ?? profiles[0];
  const sub = profiles.find((profile) => profile.role === "sub" && profile !== main);
  if (!main || !sub || pixels <= 0) return main;
  // Cameras seldom declare the size of a stream nobody has opened; sub-streams are about this wide.
  const width = sub.width || 640;
  const sharp = width * (current === sub.name ? 1.4 : 1.15);
  return pixels <= sharp ? sub : main;
}
