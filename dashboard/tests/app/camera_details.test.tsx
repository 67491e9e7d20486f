// @vitest-environment happy-dom
import { act } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { CameraDetails } from "../../src/app/camera_details.tsx";
import type { Camera, Role } from "../../src/client/index.ts";
import { camera } from "./cameras.ts";
import {
  button,
  byTestId,
  click,
  FakeHub,
  find,
  get,
  hasButton,
  input,
  press,
  Refusal,
  show,
  submit,
  type,
} from "./page.tsx";

let fake: FakeHub;
const onChange = vi.fn();
const onRemove = vi.fn();

beforeEach(() => vi.clearAllMocks());
afterEach(() => vi.useRealTimers());

async function open(change: Partial<Camera> = {}, role: Role = "admin"): Promise<Camera> {
  const shown = camera({ profiles: [], capabilities: [], integration: "acme", ...change });
  fake = new FakeHub(role).on("integrations/list", () => ({
    integrations: [{ domain: "acme", name: "Acme", options: shown.model === "A1" }],
  }));
  fake
    .on("ptz/presets", () => ({ presets: [{ id: "1", name: "Gate" }] }))
    .on("imaging/get", () => ({ day_night: "auto", light: false }))
    .on("imaging/set", ({ day_night, light }) => ({
      day_night: day_night ?? "auto",
      light: light ?? false,
    }));
  await fake.connect([shown]);
  await show(
    fake,
    <CameraDetails
      camera={shown}
      player={undefined}
      onClose={vi.fn()}
      onChange={onChange}
      onRemove={onRemove}
    />,
  );
  return shown;
}

async function pointer(element: HTMLElement, kind: string): Promise<void> {
  await act(async () => {
    element.dispatchEvent(
      new PointerEvent(kind, { bubbles: true, button: 0, pointerId: 1, cancelable: true }),
    );
  });
}

// --- cameras of recorders ---

const CHANNEL: Partial<Camera> = {
  id: "nvr.2",
  channel: "2",
  entry: { id: "nvr", name: "Cellar", state: "loaded", reason: null, next_try: null },
};

test("a recorder's camera is hidden instead of removed, and the others stay", async () => {
  const shown = await open(CHANNEL);
  expect(get("dl").textContent).toContain("Cellar · 2");
  expect(hasButton("Disable: Cellar")).toBe(true);
  await click(button("Hide"));
  expect(byTestId("remove-dialog").textContent).toContain("The other cameras of Cellar stay.");
  await click(byTestId("remove-confirm"));
  expect(onRemove).toHaveBeenCalledExactlyOnceWith(shown);
});

test("a channel without a picture and a clock that is wrong are told", async () => {
  await open({ ...CHANNEL, online: false, clock_offset: -37.4 });
  expect(byTestId("channel-offline").textContent).toContain("Cellar has no picture");
  expect(byTestId("clock-drift").textContent).toContain("37 s behind");
});

test("a clock that is right enough is not worth a word", async () => {
  await open({ clock_offset: 4 });
  expect(find("[data-testid=clock-drift]")).toBeNull();
});

test("a camera gets another name without being set up anew", async () => {
  await open();
  fake.onRest("POST cameras/front/name", () => camera({ name: "Gate" }));
  await click(button("Rename"));
  await type(input("Name"), "Gate");
  await click(byTestId("rename-save"));
  expect(fake.requests).toMatchObject([
    { method: "POST", path: "cameras/front/name", body: { name: "Gate" } },
  ]);
  expect(hasButton("Rename")).toBe(true);
});

test("a name that the hub refuses stays to be corrected", async () => {
  await open();
  fake.onRest("POST cameras/front/name", () => {
    throw new Refusal("VALIDATION_ERROR", "It is too long.");
  });
  await click(button("Rename"));
  await type(input("Name"), "x");
  await click(byTestId("rename-save"));
  expect(byTestId("error-camera-name").textContent).toBe("It is too long.");
  expect(input("Name").value).toBe("x");
});

test("what a camera reports is listed, the newest first", async () => {
  await open({ capabilities: ["events"] });
  expect(document.body.textContent).toContain("Nothing was reported");
  const report = (event: object): unknown => ({
    kind: "event",
    camera_id: "front",
    received: Date.now() / 1000,
    event: { at: null, source: "", data: {}, ...event },
  });
  await fake.tell("cameras/events/subscribe", report({ kind: "motion", active: true }));
  await fake.tell(
    "cameras/events/subscribe",
    report({ kind: "intrusion", active: true, object_type: "person" }),
  );
  const lines = [...byTestId("recent-events").querySelectorAll("li")];
  expect(lines.map((line) => line.textContent)).toEqual([
    expect.stringContaining("Intrusion: person"),
    expect.stringContaining("Motionbegan"),
  ]);
});

// --- what is changed ---

test("a camera is reconfigured by a flow; options only where the integration has any", async () => {
  const shown = await open();
  expect(hasButton("Options")).toBe(false);
  await click(button("Reconfigure"));
  expect(onChange).toHaveBeenCalledExactlyOnceWith(shown, "reconfigure");
});

test("options are offered where the integration has some", async () => {
  const shown = await open({ model: "A1" });
  await click(button("Options"));
  expect(onChange).toHaveBeenCalledExactlyOnceWith(shown, "options");
});

test("a camera whose log-in was refused offers to log in again", async () => {
  const entry = { id: "front", name: "Front door", state: "auth_failed", reason: null, next_try: null } as const;
  const shown = await open({ entry });
  await click(button("Log in again"));
  expect(onChange).toHaveBeenCalledExactlyOnceWith(shown, "reauth");
});

test("a camera is switched off and on with the rest of its configuration kept", async () => {
  await open();
  await click(button("Disable"));
  expect(fake.requests).toMatchObject([
    { method: "PUT", path: "cameras/front", body: { url: "rtsp://192.0.2.1/", disabled: true } },
  ]);
});

test("a disabled camera can be enabled, and not connected anew", async () => {
  await open({ disabled: true });
  expect(hasButton("Connect anew")).toBe(false);
  await click(button("Enable"));
  expect(fake.requests[0]?.body).toMatchObject({ disabled: false });
});

test("a refused change is said in the dialog", async () => {
  await open();
  fake.onRest("PUT cameras/front", () => {
    throw new Refusal("NOT_SUPPORTED", "It is one of several.");
  });
  await click(input("Keep connected"));
  expect(byTestId("details-error").textContent).toBe("It is one of several.");
});

test("diagnostics are saved as a file", async () => {
  await open();
  fake.onRest("GET entries/front/diagnostics.json", () => ({ entry: "front" }));
  const saved: string[] = [];
  const make = vi.spyOn(URL, "createObjectURL").mockReturnValue("blob:it");
  const press = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (
    this: HTMLAnchorElement,
  ) {
    saved.push(this.download);
  });
  await click(button("Diagnostics"));
  expect(saved).toEqual(["front-diagnostics.json"]);
  expect(await (make.mock.calls[0]?.[0] as Blob).text()).toContain('"entry": "front"');
  make.mockRestore();
  press.mockRestore();
});

test("what YAML defines says why it cannot be changed here", async () => {
  await open({ read_only: true, origin: "yaml" });
  expect(byTestId("read-only").textContent).toContain("ucv.yaml");
  for (const name of ["Reconfigure", "Options", "Disable", "Remove"]) {
    expect(hasButton(name)).toBe(false);
  }
  expect(hasButton("Connect anew")).toBe(true);
  expect(hasButton("Diagnostics")).toBe(true);
});

test("who may only watch is offered nothing to change or control", async () => {
  await open({ capabilities: ["ptz", "reboot", "light"] }, "viewer");
  expect(find('[data-testid="actions"]')).toBeNull();
  expect(find('[data-testid="controls"]')).toBeNull();
});

// --- what is controlled ---

test("only what the camera can do is shown", async () => {
  await open({ capabilities: ["snapshot", "events"] });
  expect(find('[data-testid="controls"]')).toBeNull();
  expect(hasButton("Restart camera")).toBe(false);
  expect(fake.sent("ptz/presets")).toEqual([]);
});

test("the pad moves while a button is held, and stops when it is let go of", async () => {
  await open({ capabilities: ["ptz"] });
  await pointer(button("Left"), "pointerdown");
  expect(fake.sent("ptz/move")).toMatchObject([{ camera_id: "front", pan: -0.5, tilt: 0 }]);
  expect(fake.sent("ptz/stop")).toEqual([]);
  await pointer(button("Left"), "pointerup");
  expect(fake.sent("ptz/stop").length).toBeGreaterThan(0);
});

test("arrow keys move and add up; letting go of all stops", async () => {
  await open({ capabilities: ["ptz"] });
  const pad = byTestId("ptz");
  await press(pad, "ArrowUp");
  await press(pad, "ArrowRight");
  expect(fake.sent("ptz/move")).toMatchObject([
    { pan: 0, tilt: 0.5 },
    { pan: 0.5, tilt: 0.5 },
  ]);
  await press(pad, "ArrowUp", "keyup");
  expect(fake.sent("ptz/stop")).toEqual([]);
  await press(pad, "ArrowRight", "keyup");
  expect(fake.sent("ptz/stop")).toHaveLength(1);
});

test("losing the focus stops, of a button and of the window", async () => {
  await open({ capabilities: ["ptz"] });
  await press(button("Up"), "Enter");
  expect(fake.sent("ptz/move")).toHaveLength(1);
  await act(async () => {
    button("Up").dispatchEvent(new FocusEvent("focusout", { bubbles: true, relatedTarget: null }));
  });
  expect(fake.sent("ptz/stop")).toHaveLength(1);
  await press(byTestId("ptz"), "ArrowDown");
  await act(async () => void window.dispatchEvent(new Event("blur")));
  expect(fake.sent("ptz/stop")).toHaveLength(2);
});

test("leaving a held button stops, and holding another moves on", async () => {
  await open({ capabilities: ["ptz"] });
  button("Up").focus();
  await press(button("Up"), "Enter");
  await act(async () => button("Left").focus());
  expect(fake.sent("ptz/stop")).toHaveLength(1);
  await pointer(button("Right"), "pointerdown");
  expect(fake.sent("ptz/move")).toHaveLength(2);
  expect(fake.sent("ptz/stop")).toHaveLength(1);
  expect(document.activeElement).toBe(button("Right"));
});

test("a press without a length moves a little", async () => {
  await open({ capabilities: ["ptz"] });
  vi.useFakeTimers();
  await act(async () => button("Zoom in").click());
  expect(fake.sent("ptz/move")).toMatchObject([{ zoom: 0.5 }]);
  await act(async () => void (await vi.advanceTimersByTimeAsync(500)));
  expect(fake.sent("ptz/stop")).toHaveLength(1);
});

test("a camera that only moves by steps makes one for each press", async () => {
  await open({ capabilities: ["ptz_relative"] });
  await pointer(button("Up"), "pointerdown");
  await pointer(button("Up"), "pointerup");
  expect(fake.sent("ptz/relative")).toMatchObject([{ pan: 0, tilt: 0.05 }]);
  expect(fake.sent("ptz/stop")).toEqual([]);
});

test("positions are recalled, stored and deleted", async () => {
  await open({ capabilities: ["ptz_presets", "ptz_home"] });
  await click(button("Go to Gate"));
  expect(fake.sent("ptz/presets/go")).toMatchObject([{ preset_id: "1" }]);
  await type(input("Name of this position"), " Yard ");
  await submit();
  expect(fake.sent("ptz/presets/create")).toMatchObject([{ name: "Yard" }]);
  await click(button("Delete position Gate"));
  expect(fake.sent("ptz/presets/delete")).toMatchObject([{ preset_id: "1" }]);
  expect(fake.sent("ptz/presets")).toHaveLength(3);
  await click(button("Home position"));
  expect(fake.sent("ptz/home")).toHaveLength(1);
});

test("light and night mode show what they are, and are changed", async () => {
  await open({ capabilities: ["light", "day_night"] });
  expect(input("Day and night").value).toBe("auto");
  await type(input("Day and night"), "night");
  expect(fake.sent("imaging/set")).toMatchObject([{ day_night: "night" }]);
  expect(input("Day and night").value).toBe("night");
  await click(input("Light"));
  expect(fake.sent("imaging/set")[1]).toMatchObject({ light: true });
  expect(input("Light").checked).toBe(true);
});

test("what the camera refuses is said", async () => {
  await open({ capabilities: ["ptz", "ptz_home"] });
  fake.on("ptz/home", () => {
    throw new Refusal("CONN_TIMEOUT", "The camera did not answer in time.");
  });
  await click(button("Home position"));
  expect(byTestId("controls-error").textContent).toBe("The camera did not answer in time.");
});

test("a camera is restarted only after it was confirmed", async () => {
  await open({ capabilities: ["reboot"] });
  await click(button("Restart camera"));
  expect(fake.sent("cameras/reboot")).toEqual([]);
  expect(get("dialog").textContent).toContain("Restart Front door?");
  await click(byTestId("reboot-confirm"));
  expect(fake.sent("cameras/reboot")).toMatchObject([{ camera_id: "front" }]);
});
