import { expect, test } from "vitest";

import { FASTEST, Pace, SLOWEST } from "../../src/player/pace.ts";

function settled(pace: Pace, level: number, from = 0): ReturnType<Pace["decide"]> {
  let decision = pace.decide(level, from);
  for (let step = 1; step < 60; step++) decision = pace.decide(level, from + step / 10);
  return decision;
}

test("near the target the rate is left alone", () => {
  expect(settled(new Pace(), 0.25)).toEqual({ action: "rate", rate: 1 });
  expect(settled(new Pace(), 0.3)).toEqual({ action: "rate", rate: 1 });
});

test("behind, it plays faster, but never faster than the limit", () => {
  const decision = settled(new Pace(), 0.7);
  expect(decision.action).toBe("rate");
  expect(decision.action === "rate" && decision.rate).toBeGreaterThan(1.02);
  expect(decision.action === "rate" && decision.rate).toBeLessThanOrEqual(FASTEST);
});

test("with too little ahead it plays slower, but never slower than the limit", () => {
  const decision = settled(new Pace(), 0.02);
  expect(decision.action === "rate" && decision.rate).toBeLessThan(1);
  expect(decision.action === "rate" && decision.rate).toBeGreaterThanOrEqual(SLOWEST);
});

test("more than a second behind, it jumps, and then waits for the decoder", () => {
  const pace = new Pace();
  expect(pace.decide(1.4, 10)).toEqual({ action: "jump" });
  pace.jumped(10);
  expect(pace.decide(1.4, 11).action).toBe("rate");
  expect(pace.decide(1.4, 12.5).action).toBe("jump");
});

test("following its own advice, it comes to the target and stays there", () => {
  const pace = new Pace();
  pace.frame(0.04);
  let level = 0.9;
  let now = 0;
  const rates: number[] = [];
  for (let step = 0; step < 600; step++) {
    const decision = pace.decide(level, now);
    if (decision.action !== "rate") throw new Error("jumped");
    rates.push(decision.rate);
    level += 0.1 - 0.1 * decision.rate;
    now += 0.1;
  }
  expect(level).toBeGreaterThan(0.2);
  expect(level).toBeLessThan(0.35);
  expect(rates.slice(-100).every((rate) => rate === 1)).toBe(true);
});

test("each stall raises the target up to a limit, and quiet brings it back", () => {
  const pace = new Pace();
  for (let stall = 0; stall < 20; stall++) pace.stalled(stall);
  expect(pace.target).toBe(0.6);
  for (let second = 20; second < 400; second++) pace.decide(pace.target, second);
  expect(pace.target).toBe(0.25);
});

test("a slow stream gets a target longer than its frames", () => {
  const pace = new Pace();
  pace.frame(1);
  expect(pace.target).toBeGreaterThan(1);
  expect(settled(pace, 1.6)).toEqual({ action: "rate", rate: 1 });
});
