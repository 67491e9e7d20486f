import { expect, test } from "vitest";

import { reported, type CameraEvent, type Reports } from "../../src/client/index.ts";

function report(
  kind: string,
  active: boolean | null,
  more: Readonly<Record<string, unknown>> = {},
): CameraEvent {
  const event = { kind, active, at: null, source: "", data: {}, ...more };
  return { kind: "event", camera_id: "front", event, received: 1 };
}

function after(...messages: Parameters<typeof reported>[1][]): Reports {
  return messages.reduce<Reports>(reported, new Map());
}

function active(reports: Reports, camera = "front"): readonly string[] {
  return (reports.get(camera)?.active ?? []).map(({ kind }) => kind);
}

test("what begins goes on until it ends", () => {
  expect(active(after(report("motion", true)))).toEqual(["motion"]);
  expect(active(after(report("motion", true), report("motion", false)))).toEqual([]);
});

test("what has no duration is remembered, but does not go on", () => {
  const reports = after(report("doorbell", null));
  expect(active(reports)).toEqual([]);
  expect(reports.get("front")?.recent.map(({ event }) => event.kind)).toEqual(["doorbell"]);
});

test("what is recognised is told apart", () => {
  const both = after(
    report("object", true, { object_type: "person" }),
    report("object", true, { object_type: "vehicle" }),
    report("object", false, { object_type: "person" }),
  );
  expect(both.get("front")?.active.map((event) => event["object_type"])).toEqual(["vehicle"]);
});

test("a new connection tells what goes on, and what was seen stays", () => {
  const motion = report("motion", true).event;
  const reports = after(report("sound", true), {
    kind: "snapshot",
    active: [{ camera_id: "yard", event: motion }],
  });
  expect([active(reports), active(reports, "yard")]).toEqual([[], ["motion"]]);
  expect(reports.get("front")?.recent).toHaveLength(1);
});

test("a recorder's own reports belong to no camera, and few are kept of each", () => {
  const own = { ...report("storage_failure", true), camera_id: null, entry_id: "nvr" };
  expect(after(own).size).toBe(0);
  const many = Array.from({ length: 30 }, () => report("doorbell", null));
  expect(after(...many).get("front")?.recent).toHaveLength(20);
});
