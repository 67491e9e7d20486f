// @vitest-environment happy-dom
import { expect, test, vi } from "vitest";

import { ago } from "../../src/app/ago.ts";
import { ConfigBanner } from "../../src/app/config_banner.tsx";
import { PluginsPage } from "../../src/app/plugins_page.tsx";
import type { Plugins } from "../../src/client/index.ts";
import { button, byTestId, click, FakeHub, find, hasButton, Refusal, show } from "./page.tsx";

const AT = Date.now() / 1000 - 120;
const BAD = {
  name: "bad",
  source: "folder",
  stage: "import",
  reason: "SyntaxError: invalid syntax",
  file: "/config/custom_integrations/bad.py",
  line: 12,
  at: AT,
  path: "/config/custom_integrations/bad.py",
} as const;
const ACME = {
  name: "acme",
  source: "folder",
  path: "/config/custom_integrations/acme.py",
  domains: ["acme"],
  reloadable: true,
  faults: [
    { at: AT, what: "probe of front", reason: "KeyError: 'serial'", file: "acme.py", line: 17 },
  ],
} as const;
const BUILT_IN = {
  name: "rtsp",
  source: "built-in",
  path: "",
  domains: ["rtsp"],
  reloadable: false,
  faults: [],
} as const;

async function open(plugins: Plugins): Promise<FakeHub> {
  const fake = new FakeHub().on("plugins/list", () => plugins);
  await fake.connect();
  await show(fake, <PluginsPage onBack={vi.fn()} />);
  return fake;
}

test("each plugin is shown with its faults and where they are", async () => {
  await open({ plugins: [BUILT_IN, ACME], quarantined: [BAD] });
  expect(byTestId("quarantined-bad").textContent).toContain("SyntaxError: invalid syntax");
  expect(byTestId("quarantined-bad").textContent).toContain("bad.py:12");
  expect(byTestId("quarantined-bad").textContent).toContain("2 minutes ago");
  expect(byTestId("plugin-acme").textContent).toContain("1 fault");
  expect(byTestId("plugin-acme").textContent).toContain("acme.py:17");
  expect(hasButton("Reload: rtsp")).toBe(false);
  const names = [...document.querySelectorAll('[data-testid^="plugin-"]')].map(
    (one) => one.id || one.getAttribute("data-testid"),
  );
  expect(names).toEqual(["plugin-acme", "plugin-rtsp"]);
});

test("a plugin is reloaded alone, and the list asked for anew", async () => {
  const fake = await open({ plugins: [ACME], quarantined: [] });
  await click(button("Reload: acme"));
  expect(fake.sent("plugins/reload")).toMatchObject([{ name: "acme" }]);
  expect(fake.sent("plugins/list")).toHaveLength(2);
  expect(document.body.textContent).toContain("acme reloaded");
});

test("a reload that fails says why", async () => {
  const fake = await open({ plugins: [ACME], quarantined: [] });
  fake.on("plugins/reload", () => {
    throw new Refusal("PLUGIN_ERROR", "SyntaxError at acme.py:3");
  });
  await click(button("Reload: acme"));
  expect(document.body.textContent).toContain("acme: SyntaxError at acme.py:3");
});

test("releasing a plugin tells whether it works now", async () => {
  const fake = await open({ plugins: [], quarantined: [BAD] });
  await click(button("Release: bad"));
  expect(fake.sent("plugins/release")).toMatchObject([{ name: "bad" }]);
  expect(document.body.textContent).toContain("bad failed again");
  fake.on("plugins/list", () => ({ plugins: [{ ...ACME, name: "bad" }], quarantined: [] }));
  await click(button("Release: bad"));
  expect(document.body.textContent).toContain("bad released");
  expect(find('[data-testid="quarantined-bad"]')).toBeNull();
});

test("a list that cannot be read says so", async () => {
  const fake = new FakeHub().on("plugins/list", () => {
    throw new Refusal("FORBIDDEN", "Not allowed.");
  });
  await fake.connect();
  await show(fake, <PluginsPage onBack={vi.fn()} />);
  expect(document.body.textContent).toContain("Not allowed.");
});

test("times are told by how long ago they were", () => {
  expect(ago(100, 100)).toBe("now");
  expect(ago(100, 130)).toBe("30 seconds ago");
  expect(ago(0, 7_300)).toBe("2 hours ago");
  expect(ago(0, 400_000)).toBe("4 days ago");
  expect(ago(200, 100)).toBe("now");
});

// --- the configuration file ---

async function openBanner(): Promise<FakeHub> {
  const fake = new FakeHub();
  await fake.connect();
  await show(fake, <ConfigBanner />);
  return fake;
}

test("a broken configuration file is said, with its problems, until it is good again", async () => {
  const fake = await openBanner();
  expect(byTestId("config-banner").hidden).toBe(true);
  const problems = ["ucv.yaml:3: unknown key colour"];
  await fake.tell("config/subscribe", { kind: "configuration", problems, restart_needed: [] });
  expect(byTestId("config-banner").hidden).toBe(false);
  expect(byTestId("config-banner").textContent).toContain("1 problem");
  expect(byTestId("config-banner").textContent).not.toContain("colour");
  await click(button("Show"));
  expect(byTestId("config-banner").textContent).toContain("ucv.yaml:3: unknown key colour");
  fake.on("config/reload", () => ({ entries: [], problems: [], restart_needed: [] }));
  await click(button("Read again"));
  expect(byTestId("config-banner").hidden).toBe(true);
});

test("what waits for a restart is named", async () => {
  const fake = await openBanner();
  const event = { kind: "configuration", problems: [], restart_needed: ["server", "database"] };
  await fake.tell("config/subscribe", event);
  expect(byTestId("config-banner").textContent).toContain("server, database");
});
