import { expect, test } from "vitest";

import type { Piece } from "../../src/player/boxes.ts";
import { StreamTimeline } from "../../src/player/stream_timeline.ts";

const SECOND = 90_000;

function frame(decodeTime: number, change: Partial<Piece> = {}): Piece {
  return {
    kind: "fragment",
    bytes: new Uint8Array(),
    decodeTime,
    composition: 0,
    duration: 3600,
    keyframe: false,
    ...change,
  };
}

test("a connection enters with its first keyframe, wherever the stream's clock stands", () => {
  const timeline = new StreamTimeline();
  expect(timeline.place(frame(500 * SECOND), SECOND)).toBeUndefined();
  const placed = timeline.place(frame(501 * SECOND, { keyframe: true }), SECOND);
  expect(placed?.entering).toBe(1);
  expect(timeline.offset).toBe(-500);
  expect(timeline.place(frame(501 * SECOND + 3600), SECOND)?.entering).toBeUndefined();
});

test("the next connection's media goes behind what there is, with a gap between", () => {
  const timeline = new StreamTimeline();
  timeline.place(frame(0, { keyframe: true, duration: SECOND }), SECOND);
  timeline.connect();
  expect(timeline.offset).toBeUndefined();
  expect(timeline.place(frame(0, { keyframe: true }), SECOND)?.entering).toBe(3);
});

test("intervals follow the order in which frames are shown", () => {
  const timeline = new StreamTimeline();
  timeline.place(frame(0, { keyframe: true, composition: 3600 }), SECOND);
  // P is shown after the two B-frames that are decoded after it.
  const p = timeline.place(frame(3600, { composition: 3 * 3600 }), SECOND);
  const b = timeline.place(frame(7200, { composition: 0 }), SECOND);
  expect(p?.interval).toBeCloseTo(0.12);
  expect(b?.interval).toBe(0);
});

test("a duration beyond the frame's interval is surplus, not media", () => {
  const timeline = new StreamTimeline();
  timeline.place(frame(0, { keyframe: true, duration: 9000 }), SECOND);
  timeline.place(frame(3600, { duration: 9000 }), SECOND);
  expect(timeline.surplus).toBeCloseTo(0.06);
});

test("the keyframe in use is the last one that is shown by then, not decoded by then", () => {
  const timeline = new StreamTimeline();
  timeline.place(frame(0, { keyframe: true }), SECOND);
  timeline.place(frame(SECOND, { keyframe: true, composition: SECOND / 2 }), SECOND);
  expect(timeline.keyframeInUse(2.2)).toBe(1);
  expect(timeline.keyframeInUse(2.6)).toBe(2.5);
  expect(timeline.keyframeInUse(0.5)).toBeUndefined();
});

test("decode times are told apart from the times frames are shown", () => {
  const timeline = new StreamTimeline();
  timeline.place(frame(0, { keyframe: true, composition: 3600 }), SECOND);
  expect(timeline.shown(0)).toBeCloseTo(0.04);
  expect(timeline.shown(7)).toBe(7);
});
