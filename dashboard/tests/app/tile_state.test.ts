import { expect, test } from "vitest";

import { chooseProfile, tileState } from "../../src/app/tile_state.ts";
import type { StreamStatus } from "../../src/client/index.ts";
import { en } from "../../src/i18n/en.ts";
import type { PlayerState } from "../../src/player/index.ts";
import { camera, profile } from "./cameras.ts";

const PLAYING: PlayerState = { phase: "playing", picture: true, source: null, error: null };

function withStream(stream: Partial<StreamStatus>) {
  const base = profile();
  return { ...base, stream: { ...base.stream, ...stream } };
}

test("a playing camera is live, and its picture is current", () => {
  const state = tileState(camera(), profile(), PLAYING, true);
  expect(state).toMatchObject({ name: "live", tone: "live", label: en.stateLive, current: true });
});

test("a stream that is live but whose picture is missing is not called live", () => {
  const state = tileState(camera(), profile(), { ...PLAYING, phase: "buffering" }, true);
  expect(state).toMatchObject({ name: "buffering", current: false });
});

test("a retrying stream says why, and when the next try is due", () => {
  const reason = { code: "CONN_TIMEOUT", message: "took too long" };
  const stream = withStream({ state: "retrying", reason, next_try: 1000 });
  const state = tileState(camera(), stream, undefined, true);
  expect(state).toMatchObject({
    name: "retrying",
    explanation: "took too long",
    nextTry: 1000,
    action: "retry",
  });
});

test("a reason whose code is not known is shown as the hub put it", () => {
  const stream = withStream({ state: "offline", reason: { code: "NEW", message: "Fell off." } });
  expect(tileState(camera(), stream, undefined, true).explanation).toBe("Fell off.");
});

test("the player's connection knows the state before the list does", () => {
  const source = { state: "retrying", reason: null, nextTry: 5 };
  const state = tileState(camera(), profile(), { ...PLAYING, source }, true);
  expect(state).toMatchObject({ name: "retrying", nextTry: 5 });
});

test("refused credentials ask for a password", () => {
  const stream = withStream({ state: "auth_failed" });
  expect(tileState(camera(), stream, undefined, true)).toMatchObject({
    name: "auth_failed",
    action: "password",
    explanation: en.authFailedText,
  });
  const entry = { id: "front", name: "Front door", state: "auth_failed", reason: null, next_try: null } as const;
  expect(tileState(camera({ entry, profiles: [] }), undefined, undefined, true)).toMatchObject({
    name: "auth_failed",
    action: "password",
  });
});

test("refused credentials of a camera from YAML are corrected there", () => {
  const stream = withStream({ state: "auth_failed" });
  expect(tileState(camera({ read_only: true }), stream, undefined, true)).toMatchObject({
    action: "retry",
    explanation: en.authFailedYaml,
  });
});

test("an entry that failed to set up is shown with its reason", () => {
  const reason = { code: "CONN_REFUSED", message: "x" };
  const entry = { id: "front", name: "Front door", state: "setup_retry", reason, next_try: 42 } as const;
  const state = tileState(camera({ entry, profiles: [] }), undefined, undefined, true);
  expect(state).toMatchObject({ name: "setup_retry", nextTry: 42, action: "retry" });
});

test("a disabled camera is no fault", () => {
  const state = tileState(camera({ disabled: true }), profile(), undefined, true);
  expect(state).toMatchObject({ name: "disabled", tone: "idle", action: null });
});

test("without the hub nothing is claimed", () => {
  expect(tileState(camera(), profile(), undefined, false).name).toBe("no_hub");
});

test("a browser that cannot play says so", () => {
  const state = tileState(camera(), profile(), { ...PLAYING, phase: "unsupported" }, true);
  expect(state).toMatchObject({ name: "unsupported", explanation: en.unsupportedText });
});

test("an idle stream that is being watched is connecting", () => {
  const idle = profile({ state: "idle" });
  expect(tileState(camera(), idle, { ...PLAYING, phase: "connecting" }, true).name).toBe(
    "connecting",
  );
  expect(tileState(camera(), idle, { ...PLAYING, phase: "sleeping" }, true).name).toBe("idle");
});

const main = profile();
const sub = profile({ name: "sub", role: "sub", width: 640, height: 360 });

test("small tiles show the sub-stream, large ones the main stream", () => {
  expect(chooseProfile([main, sub], 400)?.name).toBe("sub");
  expect(chooseProfile([main, sub], 1600)?.name).toBe("main");
  expect(chooseProfile([main], 400)?.name).toBe("main");
  expect(chooseProfile([], 400)).toBeUndefined();
});

test("a tile at the border between two streams does not change back and forth", () => {
  expect(chooseProfile([main, sub], 800, "main")?.name).toBe("main");
  expect(chooseProfile([main, sub], 800, "sub")?.name).toBe("sub");
});
