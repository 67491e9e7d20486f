import { ApiError, HUB_UNREACHABLE } from "./errors.ts";
import type { AuthState, Camera, CameraMapping, User } from "./types.ts";

export interface RestOptions {
  /** Address that `api/…` is relative to; the page's own by default. */
  readonly base?: string | URL;
  /** A bearer token, for programs; the page relies on its session cookie. */
  readonly token?: string;
  readonly fetch?: typeof fetch;
}

/** Give up on an answer after this long. */
const LIMIT = 20_000;

/** The hub's REST interface. Every method throws ApiError when the hub refuses or is away. */
export class RestClient {
  readonly #base: URL;
  readonly #token: string | undefined;
  readonly #fetch: typeof fetch;

  constructor(options: RestOptions = {}) {
    this.#base = new URL(options.base ?? document.baseURI);
    this.#token = options.token;
    this.#fetch = options.fetch ?? ((...request) => fetch(...request));
  }

  authState(): Promise<AuthState> {
    return this.#call("GET", "auth/state");
  }

  /** Make the administrator with the code of the first-start link; logs in as well. */
  setup(code: string, name: string, password: string): Promise<{ user?: User }> {
    return this.#call("POST", "auth/setup", { code, name, password });
  }

  login(name: string, password: string): Promise<{ user?: User }> {
    return this.#call("POST", "auth/login", { name, password });
  }

  logout(): Promise<unknown> {
    return this.#call("POST", "auth/logout", {});
  }

  async cameras(): Promise<readonly Camera[]> {
    return (await this.#call<{ cameras: Camera[] }>("GET", "cameras")).cameras;
  }

  addCamera(mapping: CameraMapping): Promise<Camera> {
    return this.#call("POST", "cameras", mapping);
  }

  updateCamera(id: string, mapping: CameraMapping): Promise<Camera> {
    return this.#call("PUT", `cameras/${encodeURIComponent(id)}`, mapping);
  }

  /** Call it something else; its stream goes on. */
  renameCamera(id: string, name: string): Promise<Camera> {
    return this.#call("POST", `cameras/${encodeURIComponent(id)}/name`, { name });
  }

  /** With `keepalive` the request outlives the page. */
  removeCamera(id: string, keepalive = false): Promise<unknown> {
    return this.#call("DELETE", `cameras/${encodeURIComponent(id)}`, undefined, keepalive);
  }

  /** Set the entry up anew, and try its streams at once. */
  reloadCamera(id: string): Promise<unknown> {
    return this.#call("POST", `cameras/${encodeURIComponent(id)}/reload`, {});
  }

  /** Everything the hub knows of an entry, for a bug report; holds no secret. */
  diagnostics(entry: string): Promise<unknown> {
    return this.#call("GET", `entries/${encodeURIComponent(entry)}/diagnostics.json`);
  }

  /** Address of a picture of a device that was found, if it lets anyone have one. */
  foundPictureUrl(id: string): string {
    return new URL(`api/discovery/${encodeURIComponent(id)}/snapshot.jpg`, this.#base).href;
  }

  /** Address of a still picture. */
  snapshotUrl(id: string, profile?: string): string {
    const url = new URL(`api/cameras/${encodeURIComponent(id)}/snapshot.jpg`, this.#base);
    if (profile) url.searchParams.set("profile", profile);
    return url.href;
  }

  /** Address of the live stream, for a player. */
  streamUrl(id: string, profile?: string): string {
    const url = new URL("api/ws", this.#base);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("src", profile ? `${id}:${profile}` : id);
    return url.href;
  }

  /** Address of the WebSocket interface. */
  socketUrl(): string {
    const url = new URL("api/websocket", this.#base);
    url.protocol = url.protocol.replace("http", "ws");
    return url.href;
  }

  async #call<T>(method: string, path: string, body?: unknown, keepalive = false): Promise<T> {
    const headers: Record<string, string> = { Accept: "application/json" };
    // The hub takes changes as JSON only, which other sites' forms cannot send.
    if (method !== "GET") headers["Content-Type"] = "application/json";
    if (this.#token) headers["Authorization"] = `Bearer ${this.#token}`;
    let response: Response;
    let answer: unknown;
    try {
      response = await this.#fetch(new URL(`api/${path}`, this.#base), {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
        credentials: "same-origin",
        cache: "no-store",
        keepalive,
        signal: AbortSignal.timeout(LIMIT),
      });
      const text = await response.text();
      answer = text === "" ? null : parsed(text);
    } catch (error) {
      throw new ApiError(String(error), HUB_UNREACHABLE);
    }
    if (response.ok) return answer as T;
    const { error, code, details } = (answer ?? {}) as Record<string, unknown>;
    throw new ApiError(
      typeof error === "string" ? error : `HTTP ${response.status}`,
      typeof code === "string" ? code : `HTTP_${response.status}`,
      response.status,
      details,
    );
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's error page
  }
}
