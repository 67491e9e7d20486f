import { expect, test } from "vitest";

import { split, timescaleOf } from "../../src/player/boxes.ts";
import { fragment, init, joined } from "./media.ts";

test("a keyframe's decode time, duration and flag are read", () => {
  const whole = fragment(123_456, { keyframe: true, duration: 3000, composition: -900 });
  const [piece] = split(whole.buffer);
  expect(piece).toMatchObject({
    kind: "fragment",
    decodeTime: 123_456,
    composition: -900,
    duration: 3000,
    keyframe: true,
  });
});

test("decode times beyond 32 bits are read", () => {
  const [piece] = split(fragment(2 ** 40 + 7).buffer);
  expect(piece).toMatchObject({ decodeTime: 2 ** 40 + 7, keyframe: false });
});

test("a message with the init segment and several fragments is split without losing a byte", () => {
  const message = joined(init(), fragment(0, { keyframe: true }), fragment(3600));
  const pieces = split(message);
  expect(pieces.map((piece) => piece.kind)).toEqual(["init", "fragment", "fragment"]);
  expect(joined(...pieces.map((piece) => piece.bytes))).toEqual(message);
});

test("the timescale is read from the init segment", () => {
  const [piece] = split(init(48_000).buffer);
  expect(piece && timescaleOf(piece.bytes)).toBe(48_000);
});

test("a fragment cut off anywhere is damaged, never a fragment, and nothing throws", () => {
  const whole = fragment(90_000, { keyframe: true });
  for (let size = 1; size < whole.length; size++) {
    const pieces = split(whole.slice(0, size).buffer);
    expect(pieces.some((piece) => piece.kind === "fragment")).toBe(false);
  }
});

test("no bytes make it throw", () => {
  let seed = 1;
  const next = (): number => (seed = (seed * 48_271) % 2_147_483_647);
  const whole = fragment(90_000, { keyframe: true });
  for (let round = 0; round < 3000; round++) {
    const bytes = whole.slice();
    for (let change = 0; change < 4; change++) bytes[next() % bytes.length] = next() & 255;
    for (const piece of split(bytes.buffer)) timescaleOf(piece.bytes);
  }
});
