import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { HubSocket, type CamerasEvent, type MetricsEvent } from "../../src/client/index.ts";
import { Backoff } from "../../src/net/backoff.ts";
import { FakeSocket } from "../player/browser.ts";

let hub: HubSocket;

function make(options: { token?: string } = {}): void {
  FakeSocket.made.length = 0;
  hub = new HubSocket({
    url: "ws://hub/api/websocket",
    createSocket: (url) => new FakeSocket(url) as unknown as WebSocket,
    // Without jitter, so that times can be told.
    backoff: new Backoff(1000, 8000, () => 1),
    ...options,
  });
  hub.open();
}

beforeEach(() => {
  vi.useFakeTimers();
  make();
});

afterEach(() => {
  hub.close();
  vi.useRealTimers();
});

function socket(): FakeSocket {
  const made = FakeSocket.made.at(-1);
  if (!made) throw new Error("no socket was made");
  return made;
}

function logIn(): void {
  socket().open();
  socket().say({ type: "auth_required", version: "0.1.0" });
  socket().say({ type: "auth_ok", version: "0.1.0", user: { name: "ana", role: "admin" } });
}

function sent(type: string): Record<string, unknown> {
  const message = socket().sent.findLast((one) => one["type"] === type);
  if (!message) throw new Error(`${type} was not sent`);
  return message;
}

test("logs in with the session when there is no token", () => {
  logIn();
  expect(socket().sent[0]).toEqual({ type: "auth" });
  expect(hub.link).toEqual({
    state: "online",
    version: "0.1.0",
    user: { name: "ana", role: "admin" },
  });
});

test("logs in with a token", () => {
  hub.close();
  make({ token: "t0ken" });
  logIn();
  expect(socket().sent[0]).toEqual({ type: "auth", access_token: "t0ken" });
});

test("a refused log-in is not tried again", async () => {
  socket().open();
  socket().say({ type: "auth_required" });
  socket().say({ type: "auth_invalid", error: "no", code: "UNAUTHORIZED" });
  expect(hub.link).toEqual({ state: "refused", code: "UNAUTHORIZED" });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(FakeSocket.made).toHaveLength(1);
});

test("a command's result is returned", async () => {
  logIn();
  const result = hub.call("entries/list");
  socket().say({ id: sent("entries/list")["id"], type: "result", success: true, result: [1] });
  await expect(result).resolves.toEqual([1]);
});

test("a refused command rejects with its code and the faults of its fields", async () => {
  logIn();
  const result = hub.call("entries/create", { entry: {} });
  socket().say({
    id: sent("entries/create")["id"],
    type: "result",
    success: false,
    error: "The camera is not valid",
    code: "VALIDATION_ERROR",
    details: { errors: [{ key: "url", message: "expected an address" }, 7] },
  });
  await expect(result).rejects.toMatchObject({
    code: "VALIDATION_ERROR",
    fields: [{ key: "url", message: "expected an address" }],
  });
});

test("a command without an answer is given up", async () => {
  logIn();
  const result = hub.call("entries/list");
  const outcome = expect(result).rejects.toMatchObject({ code: "HUB_UNREACHABLE" });
  // Pongs keep the connection.
  const pongs = setInterval(() => socket().say({ type: "pong" }), 1000);
  await vi.advanceTimersByTimeAsync(31_000);
  clearInterval(pongs);
  await outcome;
});

test("commands that wait when the connection is lost are rejected", async () => {
  logIn();
  const result = hub.call("entries/list");
  socket().drop();
  await expect(result).rejects.toMatchObject({ code: "HUB_UNREACHABLE" });
  await expect(hub.call("entries/list")).rejects.toMatchObject({ code: "HUB_UNREACHABLE" });
});

test("reconnects with growing pauses, and quickly again after success", async () => {
  const waits: number[] = [];
  for (let turn = 0; turn < 5; turn++) {
    socket().drop();
    expect(hub.link.state).toBe("waiting");
    const at = hub.link.state === "waiting" ? hub.link.at : 0;
    waits.push(at - Date.now());
    await vi.advanceTimersByTimeAsync(at - Date.now());
    expect(hub.link.state).toBe("connecting");
  }
  expect(waits).toEqual([1000, 2000, 4000, 8000, 8000]);
  logIn();
  socket().drop();
  expect(hub.link.state === "waiting" && hub.link.at - Date.now()).toBe(1000);
});

test("retryNow does not wait", () => {
  socket().drop();
  hub.retryNow();
  expect(hub.link.state).toBe("connecting");
  expect(FakeSocket.made).toHaveLength(2);
});

test("a connection that is silent is given up", async () => {
  logIn();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(sent("ping")).toBeDefined();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(FakeSocket.made.length).toBeGreaterThan(1);
});

test("a connection that never opens is given up", async () => {
  await vi.advanceTimersByTimeAsync(10_000);
  expect(hub.link.state).toBe("waiting");
});

test("a subscription made before the connection starts with it", () => {
  const events: CamerasEvent[] = [];
  hub.subscribeCameras((event) => events.push(event));
  logIn();
  const id = sent("cameras/subscribe")["id"];
  socket().say({ id, type: "result", success: true, result: { sequence: 4 } });
  socket().say({ id, type: "event", event: { kind: "snapshot", sequence: 4, cameras: [] } });
  socket().say({ id: 999, type: "event", event: { kind: "snapshot", sequence: 9, cameras: [] } });
  expect(events).toEqual([{ kind: "snapshot", sequence: 4, cameras: [] }]);
});

test("after a reconnect it asks for what was missed, by sequence number", async () => {
  const events: CamerasEvent[] = [];
  hub.subscribeCameras((event) => events.push(event));
  logIn();
  expect(sent("cameras/subscribe")).not.toHaveProperty("since");
  const id = sent("cameras/subscribe")["id"];
  socket().say({ id, type: "event", event: { kind: "snapshot", sequence: 4, cameras: [] } });
  socket().say({
    id,
    type: "event",
    event: { kind: "changes", sequence: 17, changed: [], removed: ["a"] },
  });
  socket().drop();
  await vi.advanceTimersByTimeAsync(1000);
  logIn();
  expect(sent("cameras/subscribe")).toMatchObject({ since: 17 });
});

test("the old connection's events are not delivered", async () => {
  const events: CamerasEvent[] = [];
  hub.subscribeCameras((event) => events.push(event));
  logIn();
  const old = socket();
  const id = sent("cameras/subscribe")["id"];
  old.drop();
  await vi.advanceTimersByTimeAsync(1000);
  logIn();
  old.say({ id, type: "event", event: { kind: "snapshot", sequence: 1, cameras: [] } });
  expect(events).toEqual([]);
});

test("metrics are subscribed without a sequence, and unsubscribed by their id", async () => {
  const events: MetricsEvent[] = [];
  logIn();
  const stop = hub.subscribeMetrics((event) => events.push(event));
  const id = sent("streams/metrics/subscribe")["id"];
  const metrics = { kind: "metrics", streams: {}, process: { cpu_percent: 1, memory_bytes: 2 } };
  socket().say({ id, type: "event", event: metrics });
  expect(events).toEqual([metrics]);
  stop();
  expect(sent("unsubscribe")).toMatchObject({ subscription: id });
  socket().say({ id, type: "event", event: metrics });
  expect(events).toHaveLength(1);
});

test("malformed messages are survived", () => {
  logIn();
  socket().onmessage?.({ data: "{" });
  socket().say({ type: "event", id: 1 });
  socket().say({ type: "result", id: 77, success: true });
  expect(hub.link.state).toBe("online");
});
