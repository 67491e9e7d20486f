// @vitest-environment happy-dom
import { expect, test, vi } from "vitest";

vi.hoisted(() => {
  Object.defineProperty(navigator, "languages", { value: ["es-ES"], configurable: true });
});

import { FlowSteps } from "../../src/app/flow_steps.tsx";
import type { FlowPage } from "../../src/client/index.ts";
import { camera } from "./cameras.ts";
import { field, flow, form } from "./flows.ts";
import { button, byTestId, FakeHub, get, hasButton, input, show, submit } from "./page.tsx";

async function open(page: FlowPage, change: Parameters<typeof flow>[0] = {}): Promise<FakeHub> {
  const fake = new FakeHub();
  await fake.connect([
    camera({
      entry: {
        id: "front", name: "Front door",
        state: "auth_failed",
        reason: { code: "AUTH_FAILED", message: "The camera refuses the password." },
        next_try: null,
      },
    }),
  ]);
  await fake.tell("flows/subscribe", { kind: "snapshot", flows: [flow({ page, ...change })] });
  const nothing = vi.fn();
  await show(
    fake,
    <FlowSteps start={{ flow: "f1" }} onDone={nothing} onShow={nothing} onClose={nothing} />,
  );
  return fake;
}

test("fields that integrations share are translated by key, others keep their own words", async () => {
  await open(
    form({
      fields: [
        field({
          name: "host",
          type: "host",
          label: "Host",
          required: true,
          help: "Name or address.",
        }),
        field({ name: "username", label: "User name" }),
        field({ name: "password", type: "secret", label: "Password" } as never),
        field({ name: "channel", type: "integer", label: "Channel", help: "Which one." }),
        field({ name: "fingerprint", label: "Certificate fingerprint", advanced: true }),
      ],
      errors: [{ key: "channel", message: "must not be empty" }],
    }),
  );
  expect(get("h3").textContent).toBe("Añadir un dispositivo");
  for (const label of ["Host", "Usuario", "Contraseña", "Channel", "Huella del certificado"]) {
    expect(input(label)).toBeTruthy();
  }
  expect(document.body.textContent).toContain("Nombre o dirección IP del dispositivo");
  expect(document.body.textContent).toContain("Which one.");
  expect(byTestId("error-channel").textContent).toBe("No puede estar vacío.");
  expect(hasButton("Siguiente")).toBe(true);
  await submit();
  expect(byTestId("error-host").textContent).toBe("Rellene este campo.");
});

test("why a log-in is needed is told in Spanish", async () => {
  const page = form({
    step: "reauth",
    title: "Log in again",
    text: "The camera refuses the password.",
  });
  await open(page, { source: "reauth", entry_id: "front" });
  expect(get(".form__text").textContent).toBe("La cámara rechaza el usuario o la contraseña.");
});

test("the question about a certificate shows the fingerprint, and what was trusted before", async () => {
  await open({
    kind: "menu",
    step: "trust",
    title: "Is this the device's certificate?",
    text: `Not trusted. The SHA-256 fingerprint is ${"ab".repeat(32)}. Until now ${"cd".repeat(32)}.`,
    options: [{ value: "trust", label: "Trust this certificate" }],
  });
  const text = get(".form__text").textContent ?? "";
  expect(text).toMatch(/huella SHA-256 es (ab){32}.*confiaba en (cd){32}/);
  expect(button("Confiar en este certificado")).toBeTruthy();
});

test("progress and the end are told in Spanish", async () => {
  const fake = await open({ kind: "progress", text: "Asking the device …", percent: null });
  expect(get('[role="status"].visually-hidden').textContent).toBe("Preguntando al dispositivo…");
  const page = { kind: "abort", reason: "expired", message: "It took too long.", entry_id: null };
  await fake.tell("flows/subscribe", { kind: "flow", flow: flow({ page: page as FlowPage }) });
  expect(get('[role="alert"]').textContent).toBe("Se agotó el tiempo. Empiece de nuevo.");
});

test("an integration's own reason for the end is told in its own words", async () => {
  await open({
    kind: "abort",
    reason: "no_channels",
    message: "No channel is free.",
    entry_id: null,
  });
  expect(get('[role="alert"]').textContent).toBe("No channel is free.");
});
