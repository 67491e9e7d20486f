import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { PtzDriver, PtzStepper, velocity } from "../../src/app/ptz_driver.ts";

let log: string[];
let answers: ((failure?: Error) => void)[];
let driver: PtzDriver;
const onError = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
  vi.clearAllMocks();
  log = [];
  answers = [];
  driver = new PtzDriver({
    move: ({ pan }) => {
      log.push(`move ${pan}`);
      return new Promise((resolve, reject) =>
        answers.push((failure) => (failure ? reject(failure) : resolve(null))),
      );
    },
    stop: () => {
      log.push("stop");
      return Promise.resolve(null);
    },
    onError,
  });
});

afterEach(() => {
  driver.end();
  vi.useRealTimers();
});

async function answer(failure?: Error): Promise<void> {
  answers.shift()?.(failure);
  await vi.advanceTimersByTimeAsync(0);
}

test("it moves until it is let go of", async () => {
  driver.begin({ pan: 1 });
  await answer();
  driver.end();
  driver.end();
  expect(log).toEqual(["move 1", "stop"]);
});

test("a held movement is renewed, for the hub stops what nobody renews", async () => {
  driver.begin({ pan: 1 });
  await answer();
  await vi.advanceTimersByTimeAsync(4_100);
  expect(log).toEqual(["move 1", "move 1"]);
  await answer();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(log).toHaveLength(3);
  await answer();
  driver.end();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(log.at(-1)).toBe("stop");
  expect(log).toHaveLength(4);
});

test("a stop that may have overtaken the movement is sent again", async () => {
  driver.begin({ pan: 1 });
  driver.end();
  expect(log).toEqual(["move 1", "stop"]);
  await answer();
  expect(log).toEqual(["move 1", "stop", "stop"]);
});

test("another direction replaces the first without a stop between", async () => {
  driver.begin({ pan: 1 });
  driver.begin({ pan: 1 });
  await answer();
  driver.begin({ pan: -1 });
  await answer();
  expect(log).toEqual(["move 1", "move -1"]);
});

test("a movement that failed is stopped all the same, and told", async () => {
  driver.begin({ pan: 1 });
  await answer(new Error("too slow"));
  expect(log[1]).toBe("stop");
  expect(onError).toHaveBeenCalledOnce();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(log.filter((one) => one.startsWith("move"))).toHaveLength(1);
});

test("a camera that moves by steps makes one for each press", () => {
  const moveBy = vi.fn(() => Promise.resolve());
  const stepper = new PtzStepper(moveBy, onError);
  stepper.begin({ pan: 1, tilt: -0.5 });
  stepper.end();
  expect(moveBy).toHaveBeenCalledExactlyOnceWith({ pan: 0.1, tilt: -0.05 });
});

test("directions add up, and opposite ones cancel", () => {
  expect(velocity(["up", "left"], 0.5)).toEqual({ pan: -0.5, tilt: 0.5 });
  expect(velocity(["in"], 1)).toEqual({ zoom: 1 });
  expect(velocity(["left", "right"], 1)).toBeNull();
  expect(velocity([], 1)).toBeNull();
});
