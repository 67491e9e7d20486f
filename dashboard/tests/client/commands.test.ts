import { afterEach, beforeEach, expect, test, vi } from "vitest";

import {
  HubCommands,
  HubSocket,
  type ActiveEvents, type CameraEvent,
  type FlowsEvent,
} from "../../src/client/index.ts";
import { flow } from "../app/flows.ts";
import { FakeSocket } from "../player/browser.ts";

let socket: HubSocket;
let commands: HubCommands;

beforeEach(() => {
  vi.useFakeTimers();
  socket = new HubSocket({
    url: "ws://hub/api/websocket",
    createSocket: (url) => new FakeSocket(url) as unknown as WebSocket,
  });
  commands = new HubCommands(socket);
  socket.open();
  wire().open();
  wire().say({ type: "auth_ok", version: "1", user: null });
});

afterEach(() => {
  socket.close();
  vi.useRealTimers();
});

function wire(): FakeSocket {
  return FakeSocket.made.at(-1) as FakeSocket;
}

function answer(result: unknown): Record<string, unknown> {
  const { id, ...command } = wire().sent.at(-1) ?? {};
  wire().say({ id, type: "result", success: true, result });
  return command;
}

test("a flow is started, answered and cancelled by its id", async () => {
  const started = commands.startFlow("acme");
  expect(answer({ flow: flow() })).toEqual({
    type: "flows/start",
    integration: "acme",
    source: "user",
  });
  expect((await started).id).toBe("f1");

  const again = commands.startFlow("acme", "reauth", "front");
  expect(answer({ flow: flow() })).toMatchObject({ source: "reauth", entry_id: "front" });
  await again;

  const submitted = commands.submitFlow("f1", { host: "192.0.2.1" });
  expect(answer({ flow: flow() })).toEqual({
    type: "flows/submit",
    flow_id: "f1",
    values: { host: "192.0.2.1" },
  });
  await submitted;

  const chosen = commands.chooseInFlow("f1", "trust");
  expect(answer({ flow: flow() })).toEqual({
    type: "flows/submit",
    flow_id: "f1",
    choice: "trust",
  });
  await chosen;

  const cancelled = commands.cancelFlow("f1");
  expect(answer(null)).toEqual({ type: "flows/cancel", flow_id: "f1" });
  await cancelled;
});

test("a camera is moved by the axes that were given, and no others", async () => {
  const moved = commands.move("front", { pan: -0.5 });
  expect(answer(null)).toEqual({ type: "ptz/move", camera_id: "front", pan: -0.5 });
  await moved;
  const stopped = commands.stopMoving("front");
  expect(answer(null)).toEqual({ type: "ptz/stop", camera_id: "front" });
  await stopped;
});

test("presets are listed without their wrapping", async () => {
  const presets = commands.presets("front");
  answer({ presets: [{ id: "1", name: "Gate" }] });
  expect(await presets).toEqual([{ id: "1", name: "Gate" }]);
});

test("what one camera reports is subscribed to by its id", () => {
  const events: (ActiveEvents | CameraEvent)[] = [];
  const stop = socket.subscribeCameraEvents((event) => events.push(event), "front");
  expect(wire().sent.at(-1)).toMatchObject({
    type: "cameras/events/subscribe",
    camera_id: "front",
  });
  const { id } = wire().sent.at(-1) ?? {};
  const event = { kind: "motion", active: true, at: null, source: "1", data: {} };
  wire().say({
    id,
    type: "event",
    event: { kind: "event", camera_id: "front", event, received: 1 },
  });
  expect(events).toMatchObject([{ camera_id: "front", event: { kind: "motion" } }]);
  stop();
  expect(wire().sent.at(-1)).toMatchObject({ type: "unsubscribe", subscription: id });
});

test("flows are subscribed to again after the connection was lost", () => {
  const events: FlowsEvent[] = [];
  socket.subscribeFlows((event) => events.push(event));
  const { id } = wire().sent.at(-1) ?? {};
  wire().say({ id, type: "event", event: { kind: "snapshot", flows: [] } });
  expect(events).toEqual([{ kind: "snapshot", flows: [] }]);
  wire().drop();
  vi.advanceTimersByTime(20_000);
  wire().open();
  wire().say({ type: "auth_ok", version: "1", user: null });
  expect(wire().sent.at(-1)).toMatchObject({ type: "flows/subscribe" });
});
