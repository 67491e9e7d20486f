// @vitest-environment happy-dom
import { beforeEach, expect, test, vi } from "vitest";

import { AddCamera } from "../../src/app/add_camera.tsx";
import type { FlowPage } from "../../src/client/index.ts";
import { camera } from "./cameras.ts";
import { field, flow, form } from "./flows.ts";
import {
  button,
  byTestId,
  click,
  FakeHub,
  find,
  get,
  input,
  press,
  Refusal,
  show,
  submit,
  type,
} from "./page.tsx";

const ACME = {
  domain: "acme",
  name: "Acme",
  version: "1.0.0",
  plugin: "acme",
  source: "folder",
  options: true,
};
const RTSP = {
  domain: "rtsp",
  name: "RTSP",
  version: "1.0.0",
  plugin: "rtsp",
  source: "built-in",
  options: false,
};
const FIELDS = [
  field({ name: "host", type: "host", required: true, label: "Host" }),
  field({ name: "http_port", type: "integer", label: "HTTP port", advanced: true, default: 80 }),
  field({ name: "username", label: "User name" }),
  field({ name: "password", type: "secret", label: "Password" } as never),
];
const FORM = form({ fields: FIELDS });
const CONFIRM = form({
  step: "confirm",
  title: "Name the camera",
  text: "Acme A1, serial number 7",
  fields: [field({ name: "name", required: true, label: "Name", value: "Acme A1" })],
});

let fake: FakeHub;
let pages: FlowPage[];
const onDone = vi.fn();
const onShow = vi.fn();
const onClose = vi.fn();

beforeEach(async () => {
  vi.clearAllMocks();
  pages = [];
  fake = new FakeHub()
    .on("integrations/list", () => ({ integrations: [ACME, RTSP] }))
    .on("flows/start", () => ({ flow: flow({ page: FORM }) }))
    .on("flows/submit", () => ({ flow: flow({ page: pages.shift() ?? FORM }) }));
  await fake.connect();
});

async function open(): Promise<void> {
  await show(fake, <AddCamera onClose={onClose} onDone={onDone} onShow={onShow} />);
}

async function openAcme(): Promise<void> {
  await open();
  await click(byTestId("integration-acme"));
}

test("an integration is found by typing, and chosen with the keyboard alone", async () => {
  await open();
  const search = byTestId("integration-search") as HTMLInputElement;
  expect(document.activeElement).toBe(search);
  await press(search, "ArrowDown");
  expect(byTestId("integration-rtsp").getAttribute("aria-selected")).toBe("true");
  await type(search, "ácm");
  expect(find('[data-testid="integration-rtsp"]')).toBeNull();
  await press(search, "Enter");
  expect(fake.sent("flows/start")).toMatchObject([{ integration: "acme", source: "user" }]);
  expect(document.activeElement).toBe(input("Host"));
});

test("a search that finds nothing says so, and Enter then does nothing", async () => {
  await open();
  await type(byTestId("integration-search") as HTMLInputElement, "zebra");
  expect(document.body.textContent).toContain("Nothing matches “zebra”");
  await press(byTestId("integration-search"), "Enter");
  expect(fake.sent("flows/start")).toEqual([]);
});

test("a camera is added: form, progress, confirmation, done", async () => {
  await openAcme();
  pages = [{ kind: "progress", text: "Asking the device …", percent: null }];
  await type(input("Host"), "192.0.2.10");
  await type(input("Password"), " p@ss ");
  await submit();
  expect(fake.sent("flows/submit")).toMatchObject([
    { flow_id: "f1", values: { host: "192.0.2.10", password: " p@ss " } },
  ]);
  expect(get('[role="status"].visually-hidden').textContent).toBe("Asking the device …");
  expect(find("progress")).toBeNull();

  const percent: FlowPage = { kind: "progress", text: "Reading channels", percent: 40 };
  await fake.tell("flows/subscribe", { kind: "flow", flow: flow({ page: percent }) });
  expect((get("progress") as HTMLProgressElement).getAttribute("value")).toBe("40");
  expect(get('[role="status"].visually-hidden').textContent).toBe("Reading channels");

  await fake.tell("flows/subscribe", { kind: "flow", flow: flow({ page: CONFIRM }) });
  expect(document.body.textContent).toContain("serial number 7");
  expect(document.activeElement).toBe(input("Name"));
  expect(input("Name").value).toBe("Acme A1");
  pages = [{ kind: "done", entry_id: "acme-a1", text: "Acme A1 was added." }];
  await submit();
  expect(onDone).toHaveBeenCalledExactlyOnceWith("acme-a1");
  expect(fake.sent("flows/cancel")).toEqual([]);
});

test("a refused password is said above the form, and can be put right", async () => {
  await openAcme();
  await type(input("Host"), "192.0.2.10");
  await type(input("Password"), "wrong");
  const served = FIELDS.map((one) =>
    one.name === "host" ? { ...one, value: "192.0.2.10" } : { ...one, stored: true },
  );
  const error = { code: "AUTH_FAILED", message: "The camera refuses the password." };
  pages = [form({ fields: served as typeof FIELDS, error })];
  await submit();
  expect(byTestId("flow-error").textContent).toBe("The camera refuses the password.");
  expect(input("Host").value).toBe("192.0.2.10");
  expect(input("Password").value).toBe("wrong");
  pages = [CONFIRM];
  await type(input("Password"), "right");
  await submit();
  expect(fake.sent("flows/submit")[1]).toMatchObject({ values: { password: "right" } });
  expect(input("Name").value).toBe("Acme A1");
});

test("errors of fields stand at their fields, also of one that is folded away", async () => {
  await openAcme();
  expect(get("details").hasAttribute("open")).toBe(false);
  await type(input("Host"), "192.0.2.10");
  pages = [
    form({
      fields: FIELDS,
      errors: [
        { key: "http_port", message: "expected a port", suggestion: "80" },
        { key: "colour", message: "unknown key" },
      ],
    }),
  ];
  await submit();
  expect(byTestId("error-http_port").textContent).toBe("expected a port Did you mean “80”?");
  expect(get("details").hasAttribute("open")).toBe(true);
  expect(document.activeElement).toBe(input("HTTP port"));
  expect(byTestId("flow-error").textContent).toBe("colour: unknown key");
});

test("what is required is asked for without asking the hub", async () => {
  await openAcme();
  await submit();
  expect(byTestId("error-host").textContent).toBe("Fill this in.");
  expect(document.activeElement).toBe(input("Host"));
  expect(fake.sent("flows/submit")).toEqual([]);
  await type(input("Host"), "192.0.2.10");
  expect(find('[data-testid="error-host"]')).toBeNull();
});

test("a fault in what is folded away unfolds it", async () => {
  await openAcme();
  await type(input("Host"), "192.0.2.10");
  await type(input("HTTP port"), "80x");
  expect(get("details").hasAttribute("open")).toBe(false);
  await submit();
  expect(get("details").hasAttribute("open")).toBe(true);
  expect(document.activeElement).toBe(input("HTTP port"));
  expect(byTestId("error-http_port").textContent).toBe("Enter a number.");
});

test("what is being typed survives the same page told twice", async () => {
  await openAcme();
  await type(input("Host"), "192.0.2.1");
  await fake.tell("flows/subscribe", { kind: "flow", flow: flow({ page: FORM, expires: 9 }) });
  expect(input("Host").value).toBe("192.0.2.1");
});

test("a menu is shown with its choices", async () => {
  await openAcme();
  await fake.tell("flows/subscribe", {
    kind: "flow",
    flow: flow({
      page: {
        kind: "menu",
        step: "trust",
        title: "Is this the device's certificate?",
        text: `Its fingerprint is ${"ab".repeat(32)}.`,
        options: [
          { value: "trust", label: "Trust this certificate" },
          { value: "stop", label: "Do not connect" },
        ],
      },
    }),
  });
  expect(document.body.textContent).toContain("ab".repeat(32));
  expect(document.activeElement).toBe(button("Trust this certificate"));
  pages = [CONFIRM];
  await click(button("Trust this certificate"));
  expect(fake.sent("flows/submit")).toMatchObject([{ flow_id: "f1", choice: "trust" }]);
});

test("a device that is there already is said, with a way to its camera", async () => {
  await fake.tell("cameras/subscribe", {
    kind: "changes",
    sequence: 2,
    changed: [camera({ id: "porch", name: "Porch", entry: { ...camera().entry, id: "e1" } })],
    removed: [],
  });
  await openAcme();
  await type(input("Host"), "192.0.2.10");
  pages = [
    {
      kind: "abort",
      reason: "already_configured",
      message: "Porch is this device.",
      entry_id: "e1",
    },
  ];
  await submit();
  expect(get('[role="alert"]').textContent).toContain("Porch is this device.");
  await click(button("Show Porch"));
  expect(onShow).toHaveBeenCalledExactlyOnceWith("e1");
});

test("leaving before the end cancels the flow, and going back asks for the integration", async () => {
  await openAcme();
  await click(button("Back"));
  expect(fake.sent("flows/cancel")).toMatchObject([{ flow_id: "f1" }]);
  expect(byTestId("integration-search")).toBeTruthy();
});

test("a flow that the hub no longer knows can be begun again", async () => {
  await openAcme();
  await fake.tell("flows/subscribe", { kind: "snapshot", flows: [] });
  expect(get('[role="alert"]').textContent).toContain("no longer knows");
  await click(button("Back"));
  expect(byTestId("integration-search")).toBeTruthy();
});

test("a lost connection keeps what was typed", async () => {
  await openAcme();
  fake.on("flows/submit", () => {
    throw new Refusal("HUB_UNREACHABLE", "the connection was lost");
  });
  await type(input("Host"), "192.0.2.10");
  await submit();
  expect(byTestId("flow-error").textContent).toBe("The hub cannot be reached.");
  expect(input("Host").value).toBe("192.0.2.10");
  expect((byTestId("flow-submit") as HTMLButtonElement).disabled).toBe(false);
  // The hub was started anew meanwhile.
  await fake.tell("flows/subscribe", { kind: "snapshot", flows: [] });
  expect(get('[role="alert"]').textContent).toContain("no longer knows");
});

test("an integration that cannot be started says why", async () => {
  fake.on("flows/start", () => {
    throw new Refusal("PLUGIN_ERROR", "The plugin failed.");
  });
  await openAcme();
  expect(get('[role="alert"]').textContent).toContain("The plugin failed.");
});
