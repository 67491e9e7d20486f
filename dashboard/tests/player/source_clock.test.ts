import { expect, test } from "vitest";

import { SourceClock } from "../../src/player/source_clock.ts";

test("without a frame's time or without the hub's clock the delay is not known", () => {
  const clock = new SourceClock();
  expect(clock.delay(10, 1000)).toBeUndefined();
  clock.frame(10, 500_000, 1000);
  expect(clock.delay(10, 1000)).toBeUndefined();
  clock.pong(1000, 1010, 500_005);
  expect(clock.delay(10, 1010)).toBeDefined();
});

test("the delay is right although the two clocks differ", () => {
  const clock = new SourceClock();
  // The hub is 499 000 ms ahead; the answer took 10 ms.
  clock.pong(1000, 1010, 500_005);
  clock.frame(10, 500_000, 1020);
  // The frame at 10.5 s of media came 0.5 s later, at 500 500: local 1500 (hub minus 499 000).
  expect(clock.delay(10.5, 1800)).toBeCloseTo(0.3, 3);
});

test("the quickest round trip is believed", () => {
  const clock = new SourceClock();
  clock.pong(0, 400, 300);
  clock.pong(1000, 1004, 1002);
  clock.pong(2000, 2900, 2800);
  expect(clock.offset(3000)).toBe(0);
});

test("an old frame time, or one of another connection, is not used", () => {
  const clock = new SourceClock();
  clock.pong(0, 0, 0);
  clock.frame(1, 0, 0);
  expect(clock.delay(1, 200)).toBeCloseTo(0.2);
  expect(clock.delay(1, 20_000)).toBeUndefined();
  clock.frame(1, 20_000, 20_000);
  clock.forgetFrames();
  expect(clock.delay(1, 20_100)).toBeUndefined();
});

test("nonsense from the hub makes the delay unknown", () => {
  const clock = new SourceClock();
  clock.pong(0, 0, Number.NaN);
  clock.frame(Number.NaN, 0, 0);
  expect(clock.delay(0, 0)).toBeUndefined();
  clock.pong(0, 0, 0);
  clock.frame(0, -10_000_000, 0);
  expect(clock.delay(0, 0)).toBeUndefined();
});
