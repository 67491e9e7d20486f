/** A page in a stand-in browser, with a hub whose answers the test decides. */

import { act, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach } from "vitest";

import { Hub, HubContext } from "../../src/app/hub.tsx";
import { ToastArea } from "../../src/app/toasts.tsx";
import { RestClient, type Camera, type Role } from "../../src/client/index.ts";
import { FakeSocket } from "../player/browser.ts";

(globalThis as Record<string, unknown>)["IS_REACT_ACT_ENVIRONMENT"] = true;

type Command = Readonly<Record<string, unknown>>;
type Answer = (command: Command) => unknown;

/** What a command is refused with: throw it in an answer. */
export class Refusal {
  readonly code: string;
  readonly message: string;
  readonly details: unknown;

  constructor(code: string, message = code, details: unknown = {}) {
    this.code = code;
    this.message = message;
    this.details = details;
  }
}

class AnsweringSocket extends FakeSocket {
  readonly #hub: FakeHub;

  constructor(url: string, hub: FakeHub) {
    super(url);
    this.#hub = hub;
  }

  override send(text: string): void {
    super.send(text);
    this.#hub.receive(JSON.parse(text) as Command);
  }
}

export class FakeHub {
  readonly hub: Hub;
  readonly commands: Command[] = [];
  readonly requests: { method: string; path: string; body: unknown }[] = [];
  readonly #answers = new Map<string, Answer>([
    ["integrations/list", () => ({ integrations: [] })],
  ]);
  readonly #rest = new Map<string, Answer>();
  readonly #subscriptions = new Map<string, unknown>();
  #socket: AnsweringSocket | undefined;

  constructor(role: Role = "admin") {
    const rest = new RestClient({
      base: "http://hub.test/",
      fetch: (url, request) => this.#fetch(String(url), request),
    });
    this.hub = new Hub(rest, { name: "ana", role }, () => undefined, {
      createSocket: (url) => {
        this.#socket = new AnsweringSocket(url, this);
        return this.#socket as unknown as WebSocket;
      },
    });
  }

  /** Answer commands of a type, from now on. */
  on(type: string, answer: Answer): this {
    this.#answers.set(type, answer);
    return this;
  }

  /** Answer requests such as "PUT cameras/front". */
  onRest(request: string, answer: Answer): this {
    this.#rest.set(request, answer);
    return this;
  }

  async connect(cameras: readonly Camera[] = []): Promise<void> {
    await act(async () => {
      this.hub.start();
      this.#socket?.open();
      this.#socket?.say({ type: "auth_ok", version: "1", user: this.hub.user });
    });
    await this.tell("cameras/subscribe", { kind: "snapshot", sequence: 1, cameras });
    await this.tell("flows/subscribe", { kind: "snapshot", flows: [] });
  }

  /** Send an event to who subscribed by that command. */
  async tell(type: string, event: unknown): Promise<void> {
    await act(async () => {
      this.#socket?.say({ id: this.#subscriptions.get(type), type: "event", event });
    });
  }

  sent(type: string): readonly Command[] {
    return this.commands.filter((command) => command["type"] === type);
  }

  receive(command: Command): void {
    const { id, type } = command;
    if (typeof type !== "string" || id === undefined) return;
    this.commands.push(command);
    if (type.endsWith("/subscribe")) this.#subscriptions.set(type, id);
    const answer = this.#answers.get(type) ?? (() => null);
    void (async () => {
      try {
        this.#socket?.say({ id, type: "result", success: true, result: await answer(command) });
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        const { code, message, details } = error;
        this.#socket?.say({ id, type: "result", success: false, code, error: message, details });
      }
    })();
  }

  async #fetch(url: string, request: RequestInit | undefined): Promise<Response> {
    const method = request?.method ?? "GET";
    const path = new URL(url).pathname.replace("/api/", "");
    const body: unknown = request?.body ? JSON.parse(String(request.body)) : null;
    this.requests.push({ method, path, body });
    try {
      const answer = await this.#rest.get(`${method} ${path}`)?.({ body });
      return new Response(JSON.stringify(answer ?? null));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return new Response(JSON.stringify({ error: error.message, code: error.code }), {
        status: 400,
      });
    }
  }
}

let roots: (() => void)[] = [];

afterEach(async () => {
  await act(async () => roots.forEach((end) => end()));
  roots = [];
  document.body.replaceChildren();
});

/** Show `node` as a logged-in page does. */
export async function show(fake: FakeHub, node: ReactNode): Promise<void> {
  const element = document.body.appendChild(document.createElement("div"));
  const root: Root = createRoot(element);
  roots.push(() => {
    root.unmount();
    fake.hub.stop();
  });
  await act(async () => {
    root.render(
      <HubContext value={fake.hub}>
        <ToastArea>{node}</ToastArea>
      </HubContext>,
    );
  });
}

function nameOf(element: Element): string {
  return (element.getAttribute("aria-label") ?? element.textContent ?? "").trim();
}

export function find(selector: string): HTMLElement | null {
  return document.querySelector<HTMLElement>(selector);
}

export function get(selector: string): HTMLElement {
  const element = find(selector);
  if (!element) throw new Error(`${selector} is not there: ${document.body.innerHTML}`);
  return element;
}

export function byTestId(id: string): HTMLElement {
  return get(`[data-testid="${id}"]`);
}

export function hasButton(name: string): boolean {
  return [...document.querySelectorAll("button")].some((button) => nameOf(button) === name);
}

export function button(name: string): HTMLButtonElement {
  const found = [...document.querySelectorAll("button")].find((one) => nameOf(one) === name);
  if (!found) throw new Error(`there is no button “${name}”: ${document.body.innerHTML}`);
  return found;
}

/** The input, select or checkbox that a label belongs to. */
export function input(label: string): HTMLInputElement {
  const found = [...document.querySelectorAll("label")].find(
    (one) => one.textContent?.trim() === label,
  );
  const element = found && document.getElementById(found.htmlFor);
  if (!element) throw new Error(`there is no field “${label}”: ${document.body.innerHTML}`);
  return element as HTMLInputElement;
}

export async function click(element: HTMLElement): Promise<void> {
  await act(async () => element.click());
}

export async function type(element: HTMLInputElement, text: string): Promise<void> {
  await act(async () => {
    const kind = element instanceof HTMLSelectElement ? HTMLSelectElement : HTMLInputElement;
    // React listens to what the browser sets, not to what scripts do.
    Object.getOwnPropertyDescriptor(kind.prototype, "value")?.set?.call(element, text);
    const event = element instanceof HTMLSelectElement ? "change" : "input";
    element.dispatchEvent(new Event(event, { bubbles: true }));
  });
}

export async function press(element: HTMLElement, key: string, kind = "keydown"): Promise<void> {
  await act(async () => {
    element.dispatchEvent(new KeyboardEvent(kind, { key, bubbles: true, cancelable: true }));
  });
}

export async function submit(): Promise<void> {
  await act(async () => {
    get("form").dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  });
}
