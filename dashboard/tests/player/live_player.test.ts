import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { LivePlayer } from "../../src/player/index.ts";
import { FakeMediaSource, FakeSocket, FakeVideo, fakeEnvironment } from "./browser.ts";
import { fragment, init } from "./media.ts";

const MIME = 'video/mp4; codecs="avc1.640029"';
const FRAME = 3600; // 25 a second

/** A camera whose frames the newest socket gets; a keyframe each second. */
class Camera {
  frame = 1000;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** What the hub sends a new viewer: format, init segment, and `cached` frames. */
  greet(cached = 10): FakeSocket {
    const socket = latest();
    socket.open();
    socket.say({ type: "status", value: { state: "live", reason: null, next_try: null } });
    socket.say({ type: "mse", value: MIME, timescale: 90_000 });
    socket.media(init());
    this.frame -= this.frame % 25;
    for (let count = 0; count < cached; count++) this.#send(socket);
    return socket;
  }

  run(): void {
    this.#timer = setInterval(() => this.#send(latest()), 40);
  }

  halt(): void {
    clearInterval(this.#timer);
  }

  #send(socket: FakeSocket): void {
    socket.media(fragment(this.frame * FRAME, { keyframe: this.frame % 25 === 0 }));
    this.frame += 1;
  }
}

function latest(): FakeSocket {
  const socket = FakeSocket.made.at(-1);
  if (!socket) throw new Error("no socket was made");
  return socket;
}

function newestBuffer() {
  const source = FakeMediaSource.made.at(-1);
  if (!source) throw new Error("no media source was made");
  return source.buffer;
}

let video: FakeVideo;
let player: LivePlayer;
let camera: Camera;

function make(canPlay?: (mime: string) => boolean): void {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
  const environment = fakeEnvironment(canPlay);
  video = new FakeVideo();
  camera = new Camera();
  player = new LivePlayer(video as unknown as HTMLVideoElement, {
    url: () => "ws://hub/api/ws?src=front",
    environment,
  });
}

beforeEach(() => make());

afterEach(() => {
  player.stop();
  vi.useRealTimers();
});

const seconds = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * 1000);

async function play(): Promise<void> {
  player.wake();
  camera.greet();
  camera.run();
  await seconds(3);
}

function behind(): number {
  return (newestBuffer().ranges.at(-1)?.[1] ?? NaN) - video.currentTime;
}

test("asks for shared fragments of the codecs that the browser plays", () => {
  player.wake();
  latest().open();
  expect(latest().url).toBe("ws://hub/api/ws?src=front");
  expect(latest().sent[0]).toEqual({
    type: "mse",
    value: "avc1.640029,avc1.64002A,avc1.640033",
    shared: true,
  });
});

test("plays near the live edge, muted and inline", async () => {
  await play();
  expect(player.state).toMatchObject({ phase: "playing", picture: true, error: null });
  expect(player.state.source?.state).toBe("live");
  expect(video.muted && video.playsInline).toBe(true);
  expect(behind()).toBeGreaterThan(0.1);
  expect(behind()).toBeLessThan(0.4);
});

test("a long cached GOP does not become delay", async () => {
  player.wake();
  camera.greet(24);
  camera.run();
  await seconds(1);
  expect(behind()).toBeLessThan(0.4);
});

test("the first frame is placed on the player's own timeline", async () => {
  await play();
  expect(newestBuffer().ranges[0]?.[0]).toBeGreaterThanOrEqual(1);
  expect(video.currentTime).toBeLessThan(10);
});

test("frames before the first keyframe of a connection are not used", async () => {
  player.wake();
  const socket = camera.greet(0);
  socket.media(fragment(7 * FRAME));
  await seconds(0.5);
  expect(newestBuffer().ranges).toEqual([]);
  socket.media(fragment(25 * FRAME, { keyframe: true }));
  await seconds(0.5);
  expect(newestBuffer().ranges).toHaveLength(1);
});

test("media behind the keyframe in use is freed, and nothing after it", async () => {
  await play();
  await seconds(10);
  const removed = newestBuffer().removed;
  expect(removed.length).toBeGreaterThan(1);
  const buffered = newestBuffer().ranges[0];
  expect(buffered?.[0]).toBeLessThanOrEqual(video.currentTime);
  expect((buffered?.[1] ?? 0) - (buffered?.[0] ?? 0)).toBeLessThan(5);
  // Keyframes come each second, at whole seconds of the player's timeline.
  for (const [, end] of removed) expect(end % 1).toBeCloseTo(0, 5);
});

test("after a pause of the network it catches up to the live edge", async () => {
  await play();
  const backlog = camera.frame;
  camera.halt();
  await seconds(3);
  expect(player.state.phase).toBe("buffering");
  // The network delivers everything at once.
  camera.frame = backlog;
  for (let frame = 0; frame < 75; frame++) {
    const at = backlog + frame;
    latest().media(fragment(at * FRAME, { keyframe: at % 25 === 0 }));
  }
  camera.frame = backlog + 75;
  camera.run();
  await seconds(4);
  expect(player.state.phase).toBe("playing");
  expect(behind()).toBeLessThan(0.5);
  expect(player.stats.stalls).toBe(1);
});

test("a gap in the media is crossed", async () => {
  await play();
  camera.frame += 50; // two seconds of frames are lost
  await seconds(3);
  expect(player.state.phase).toBe("playing");
  expect(newestBuffer().ranges.at(-1)?.[0]).toBeLessThanOrEqual(video.currentTime + 0.05);
  expect(behind()).toBeLessThan(0.6);
  expect(FakeMediaSource.made).toHaveLength(1);
});

test("a lost connection is made again, with the picture kept and the same buffer", async () => {
  await play();
  latest().drop();
  expect(player.state).toMatchObject({ phase: "buffering", picture: true });
  camera.halt();
  await seconds(1);
  expect(FakeSocket.made).toHaveLength(2);
  camera.greet();
  camera.run();
  await seconds(2);
  expect(player.state.phase).toBe("playing");
  expect(FakeMediaSource.made).toHaveLength(1);
  expect(behind()).toBeLessThan(0.5);
});

test("a hub that is away is tried ever more slowly, and not forgotten", async () => {
  player.wake();
  const dropping = setInterval(() => {
    if (latest().readyState === 0) latest().drop();
  }, 10);
  await seconds(60);
  const tries = FakeSocket.made.length;
  expect(tries).toBeGreaterThan(5);
  expect(tries).toBeLessThan(60);
  await seconds(60);
  clearInterval(dropping);
  expect(FakeSocket.made.length).toBeGreaterThan(tries);
});

test("a connection on which nothing is heard is given up", async () => {
  await play();
  camera.halt();
  await seconds(9);
  expect(FakeSocket.made.length).toBeGreaterThan(1);
});

test("asleep it has no connection, and awake again it plays at once", async () => {
  await play();
  player.sleep();
  camera.halt();
  expect(player.state).toMatchObject({ phase: "sleeping", picture: true });
  expect(latest().readyState).toBe(3);
  expect(player.stats.delay).toBeNull();
  await seconds(120);
  expect(FakeSocket.made).toHaveLength(1);

  player.wake();
  expect(FakeSocket.made).toHaveLength(2);
  camera.greet();
  camera.run();
  await seconds(1);
  expect(player.state.phase).toBe("playing");
  expect(FakeMediaSource.made).toHaveLength(1);
});

test("a decode error starts again with a new buffer", async () => {
  await play();
  video.error = { message: "bad slice" };
  video.dispatchEvent(new Event("error"));
  expect(player.state).toMatchObject({ phase: "connecting", picture: false });
  expect(player.state.error).toContain("bad slice");
  camera.halt();
  await seconds(0.2);
  camera.greet();
  camera.run();
  await seconds(1);
  expect(FakeMediaSource.made).toHaveLength(2);
  expect(player.state.phase).toBe("playing");
  await seconds(1);
  expect(player.stats.rebuilds).toBe(1);
});

test("media that never decodes is not tried without end", async () => {
  player.wake();
  const breaking = setInterval(() => {
    if (latest().readyState === 0) camera.greet(1);
    const buffer = FakeMediaSource.made.at(-1)?.buffer;
    if (buffer) buffer.refuse = true;
    latest().media(fragment(camera.frame++ * FRAME));
  }, 50);
  await seconds(30);
  clearInterval(breaking);
  expect(FakeSocket.made.length).toBeLessThan(12);
});

test("when the browser's quota is used up, old media makes room", async () => {
  await play();
  newestBuffer().quota = 1.6;
  await seconds(5);
  expect(player.state.phase).toBe("playing");
  expect(FakeMediaSource.made).toHaveLength(1);
});

test("when nothing can be freed for the quota, it starts again", async () => {
  await play();
  newestBuffer().quota = 0;
  await seconds(1);
  expect(player.state.error).toContain("quota");
  camera.halt();
  camera.greet();
  camera.run();
  await seconds(1);
  expect(player.state.phase).toBe("playing");
});

test("a picture that stands still although there is media is brought back", async () => {
  await play();
  video.frozen = true;
  await seconds(2.5);
  expect(video.seeks.length).toBeGreaterThan(1);
  video.frozen = false;
  await seconds(2);
  expect(player.state.phase).toBe("playing");
  expect(behind()).toBeLessThan(0.6);
});

test("a picture that stays still makes it start again", async () => {
  await play();
  video.frozen = true;
  await seconds(8);
  expect(player.state.error).toContain("stands still");
  expect(FakeSocket.made.length).toBeGreaterThan(1);
});

test("the delay is unknown until the hub has told its clock", async () => {
  await play();
  expect(player.stats.delay).toBeNull();
  const socket = latest();
  const HUB_AHEAD = 3_600_000;
  const hubNow = Date.now() + HUB_AHEAD;
  socket.say({ type: "pong", value: Date.now(), time: hubNow });
  // The frame that has just been sent was received this moment.
  socket.say({ type: "clock", media: (camera.frame - 1) * FRAME, received: hubNow });
  await seconds(1.1);
  expect(player.stats.delay).toBeGreaterThan(0.15);
  expect(player.stats.delay).toBeLessThan(0.5);
});

test("a change of format in mid-stream goes on in the same buffer", async () => {
  await play();
  const other = 'video/mp4; codecs="avc1.42e01e"';
  latest().say({ type: "mse", value: other, timescale: 90_000 });
  latest().media(init());
  await seconds(2);
  expect(newestBuffer().types).toEqual([MIME, other]);
  expect(player.state.phase).toBe("playing");
});

test("what the hub says of the stream is passed on", async () => {
  await play();
  latest().say({
    type: "status",
    value: {
      state: "retrying",
      reason: { code: "CONN_TIMEOUT", message: "The camera did not answer." },
      next_try: 1_700_000_123.5,
    },
  });
  expect(player.state.source).toEqual({
    state: "retrying",
    reason: { code: "CONN_TIMEOUT", message: "The camera did not answer." },
    nextTry: 1_700_000_123.5,
  });
});

test("a codec that the browser cannot play ends the connection and says so", () => {
  player.wake();
  latest().open();
  latest().say({ type: "mse", value: 'video/mp4; codecs="hvc1.1.6.L153.B0"' });
  expect(player.state).toMatchObject({ phase: "unsupported", picture: false });
  expect(latest().readyState).toBe(3);
});

test("without Media Source Extensions nothing is tried", () => {
  make(() => false);
  player.wake();
  expect(player.state.phase).toBe("unsupported");
  expect(FakeSocket.made).toHaveLength(0);
});

test("where the browser wants a click, it waits for one", async () => {
  video.refusesToPlay = true;
  await play();
  expect(player.state.phase).toBe("blocked");
  video.refusesToPlay = false;
  player.retry();
  await seconds(0.5);
  expect(player.state.phase).toBe("playing");
});

test("malformed messages are survived", async () => {
  await play();
  const socket = latest();
  socket.onmessage?.({ data: "{" });
  socket.say({ type: "clock", media: "x", received: null });
  socket.say({ type: "pong" });
  socket.say({ type: "status", value: 7 });
  socket.say({ type: "news" });
  socket.media(new Uint8Array([0, 0, 0, 9, 109, 111, 111, 102]));
  await seconds(1);
  expect(player.state.phase).toBe("playing");
});

test("stopped, it leaves neither timers nor a connection", async () => {
  await play();
  camera.halt();
  player.stop();
  const timers = vi.getTimerCount();
  expect(player.state.phase).toBe("idle");
  expect(video.src).toBe("");
  await seconds(60);
  expect(FakeSocket.made).toHaveLength(1);
  expect(vi.getTimerCount()).toBeLessThanOrEqual(timers);
});
