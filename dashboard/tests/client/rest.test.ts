import { expect, test } from "vitest";

import { applied, RestClient, type Camera } from "../../src/client/index.ts";

interface Seen {
  url: string;
  init: RequestInit;
}

function client(answer: () => Response | Promise<Response>, token?: string): [RestClient, Seen[]] {
  const seen: Seen[] = [];
  const rest = new RestClient({
    base: "https://hub.example/cameras/",
    ...(token ? { token } : {}),
    fetch: async (input, init) => {
      seen.push({ url: String(input), init: init ?? {} });
      return answer();
    },
  });
  return [rest, seen];
}

const json = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value), { status });

test("addresses are relative to the page, whatever path it is served under", async () => {
  const [rest, seen] = client(() => json({ cameras: [] }));
  await rest.cameras();
  expect(seen[0]?.url).toBe("https://hub.example/cameras/api/cameras");
  expect(rest.streamUrl("front", "sub")).toBe("wss://hub.example/cameras/api/ws?src=front%3Asub");
  expect(rest.socketUrl()).toBe("wss://hub.example/cameras/api/websocket");
});

test("names never change the path of a request", async () => {
  const [rest, seen] = client(() => json({}));
  await rest.removeCamera("../auth/logout?x=");
  expect(seen[0]?.url).toBe("https://hub.example/cameras/api/cameras/..%2Fauth%2Flogout%3Fx%3D");
  expect(rest.snapshotUrl("a/b", "main")).toBe(
    "https://hub.example/cameras/api/cameras/a%2Fb/snapshot.jpg?profile=main",
  );
});

test("changes are sent as JSON", async () => {
  const [rest, seen] = client(() => json({ id: "front" }));
  await rest.addCamera({ name: "Front door", integration: "rtsp", url: "rtsp://192.0.2.1/" });
  expect(seen[0]?.init.method).toBe("POST");
  expect(new Headers(seen[0]?.init.headers).get("Content-Type")).toBe("application/json");
  expect(JSON.parse(String(seen[0]?.init.body))).toMatchObject({ name: "Front door" });
});

test("a token is sent as a bearer token", async () => {
  const [rest, seen] = client(() => json({ cameras: [] }), "t0ken");
  await rest.cameras();
  expect(new Headers(seen[0]?.init.headers).get("Authorization")).toBe("Bearer t0ken");
});

test("the error envelope becomes an ApiError", async () => {
  const details = { errors: [{ key: "url", message: "no", suggestion: null }] };
  const [rest] = client(() => json({ error: "Not valid", code: "VALIDATION_ERROR", details }, 400));
  await expect(rest.addCamera({ name: "x" })).rejects.toMatchObject({
    message: "Not valid",
    code: "VALIDATION_ERROR",
    status: 400,
    fields: [{ key: "url", message: "no", suggestion: null }],
  });
});

test("a proxy's error page becomes an ApiError, too", async () => {
  const [rest] = client(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
  await expect(rest.cameras()).rejects.toMatchObject({ code: "HTTP_502", status: 502, fields: [] });
});

test("no answer is an ApiError of its own code", async () => {
  const [rest] = client(() => Promise.reject(new TypeError("refused")));
  await expect(rest.authState()).rejects.toMatchObject({ code: "HUB_UNREACHABLE", status: 0 });
});

test("an answer without content is accepted", async () => {
  const [rest] = client(() => new Response(null, { status: 204 }));
  await expect(rest.removeCamera("front")).resolves.toBeNull();
});

function camera(id: string, name = id): Camera {
  return { id, name } as Camera;
}

test("a snapshot replaces the list, changes keep its order", () => {
  const first = applied([camera("old")], {
    kind: "snapshot",
    sequence: 1,
    cameras: [camera("a"), camera("b"), camera("c")],
  });
  const second = applied(first, {
    kind: "changes",
    sequence: 2,
    changed: [camera("b", "new name"), camera("d")],
    removed: ["a", "unknown"],
  });
  expect(second.map(({ id, name }) => [id, name])).toEqual([
    ["b", "new name"],
    ["c", "c"],
    ["d", "d"],
  ]);
});

test("a camera that was removed and made again within one event stays", () => {
  const list = applied([camera("a")], {
    kind: "changes",
    sequence: 2,
    changed: [camera("a", "again")],
    removed: ["a"],
  });
  expect(list).toEqual([camera("a", "again")]);
});

test("an empty event changes nothing", () => {
  const list = [camera("a")];
  expect(applied(list, { kind: "changes", sequence: 3, changed: [], removed: [] })).toBe(list);
});
