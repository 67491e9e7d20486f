import { useCallback, useEffect, useRef, useState, type ReactNode } from "react";

import type { Camera, Flow } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import type { LivePlayer } from "../player/index.ts";
import { AddCamera } from "./add_camera.tsx";
import type { Change } from "./camera_actions.tsx";
import { CameraDetails } from "./camera_details.tsx";
import { useCountdown } from "./clock.ts";
import { ConfigBanner } from "./config_banner.tsx";
import { FlowDialog } from "./flow_dialog.tsx";
import { flowTitle } from "./flow_words.ts";
import { Grid } from "./grid.tsx";
import { useHub, useHubState } from "./hub.tsx";
import { CameraIcon, PlusIcon } from "./icons.tsx";
import { Inbox } from "./inbox.tsx";
import { PluginsPage } from "./plugins_page.tsx";
import { useToasts } from "./toasts.tsx";
import { TopBar } from "./top_bar.tsx";
import type { FlowStart } from "./use_flow.ts";

/** How long a removal can be undone, in seconds. */
const UNDO = 6;
const COLUMNS_KEY = "ucv.columns";

type Open =
  | { readonly kind: "add" | "inbox" }
  | { readonly kind: "details"; readonly id: string }
  | { readonly kind: "flow"; readonly title: string; readonly start: FlowStart };

/** All cameras live, and the dialogs to manage them. */
export function LivePage({ onLogOut }: { onLogOut: () => void }): ReactNode {
  const hub = useHub();
  const all = useHubState((state) => state.cameras);
  const toasts = useToasts();
  const [open, setOpen] = useState<Open | null>(null);
  const [columns, setColumns] = useColumns();
  const [hidden, remove] = useRemovals();
  const players = useRef(new Map<string, LivePlayer>());
  const arrive = useArrival();

  const onPlayer = useCallback((id: string, player: LivePlayer | undefined) => {
    if (player) players.current.set(id, player);
    else players.current.delete(id);
  }, []);
  const onDetails = useCallback((id: string) => setOpen({ kind: "details", id }), []);
  const change = useCallback((camera: Camera, source: Change) => {
    const start = { integration: camera.integration, source, entry: camera.entry.id };
    setOpen({ kind: "flow", title: camera.name, start });
  }, []);
  const onLogIn = useCallback(
    (id: string) => {
      const camera = hub.cameras?.find((one) => one.id === id);
      if (camera) change(camera, "reauth");
    },
    [hub, change],
  );
  const close = useCallback(() => setOpen(null), []);
  const add = useCallback(() => setOpen({ kind: "add" }), []);
  const openFlow = (flow: Flow): void => {
    const camera = all?.find((one) => one.entry.id === flow.entry_id);
    setOpen({ kind: "flow", title: flowTitle(flow, camera), start: { flow: flow.id } });
  };
  const [plugins, setPlugins] = usePluginsPage();

  // A hub that is back is worth an immediate try by every player.
  const online = useHubState((state) => state.link.state === "online");
  useEffect(() => {
    if (online) for (const player of players.current.values()) player.retry();
  }, [online]);

  const cameras = all?.filter((camera) => !hidden.has(camera.id));
  const chosen = open?.kind === "details" ? all?.find(({ id }) => id === open.id) : undefined;
  const show = (entry: string): void => {
    close();
    setPlugins(false);
    arrive(entry);
  };
  const added = (entry: string): void => {
    close();
    setPlugins(false);
    arrive(entry, (camera) => toasts.show(words.added(camera.name)));
  };
  const changed = (entry: string): void => {
    close();
    for (const camera of hub.cameras ?? []) {
      if (camera.entry.id !== entry) continue;
      toasts.show(words.saved(camera.name));
      players.current.get(camera.id)?.retry();
    }
  };
  const ended = (start: FlowStart, entry: string): void => {
    const isNew = "flow" in start && hub.flows.get(start.flow)?.source === "discovery";
    (isNew ? added : changed)(entry);
  };
  return (
    <div className="page">
      <TopBar
        cameras={cameras ?? []}
        columns={columns}
        onColumns={setColumns}
        onAdd={add}
        onInbox={() => setOpen({ kind: "inbox" })}
        onPlugins={() => setPlugins(!plugins)}
        onLogOut={onLogOut}
      />
      <ConfigBanner />
      <LinkBanner />
      {plugins && hub.admin ? (
        <PluginsPage onBack={() => setPlugins(false)} />
      ) : cameras === undefined ? (
        <main className="area area--centre" aria-busy="true">
          <span className="spinner" role="status" aria-label={words.loading} />
        </main>
      ) : cameras.length === 0 ? (
        <Empty onAdd={add} />
      ) : (
        <Grid
          cameras={cameras}
          columns={columns}
          onDetails={onDetails}
          onLogIn={onLogIn}
          onPlayer={onPlayer}
        />
      )}
      {open?.kind === "add" && <AddCamera onClose={close} onDone={added} onShow={show} />}
      {open?.kind === "flow" && (
        <FlowDialog
          title={open.title}
          start={open.start}
          onClose={close}
          onDone={(entry) => ended(open.start, entry)}
          onShow={show}
        />
      )}
      {open?.kind === "inbox" && <Inbox onClose={close} onOpen={openFlow} />}
      {open?.kind === "details" && chosen && (
        <CameraDetails
          camera={chosen}
          player={players.current.get(chosen.id)}
          onClose={close}
          onChange={change}
          onRemove={(camera) => {
            close();
            remove(camera);
          }}
        />
      )}
    </div>
  );
}

const PLUGINS = "#/plugins";

/** Whether the plugins are shown instead of the cameras: a place of its own in the history. */
function usePluginsPage(): [boolean, (shown: boolean) => void] {
  const [shown, setShown] = useState(() => location.hash === PLUGINS);
  useEffect(() => {
    const moved = (): void => setShown(location.hash === PLUGINS);
    window.addEventListener("hashchange", moved);
    return () => window.removeEventListener("hashchange", moved);
  }, []);
  const choose = useCallback((wanted: boolean) => {
    if (wanted !== (location.hash === PLUGINS)) location.hash = wanted ? PLUGINS : "#/";
    setShown(wanted);
  }, []);
  return [shown, choose];
}

/** How long a camera that was just added may take to appear, in milliseconds. */
const ARRIVAL = 10_000;

/** What shows the camera of an entry, now or as soon as there is one: it takes the focus. */
function useArrival(): (entry: string, then?: (camera: Camera) => void) => void {
  const [awaited, setAwaited] = useState<{
    readonly entry: string;
    readonly then: ((camera: Camera) => void) | undefined;
  }>();
  const camera = useHubState((hub) =>
    awaited ? hub.cameras?.find((one) => one.entry.id === awaited.entry) : undefined,
  );
  useEffect(() => {
    if (!awaited) return undefined;
    const timer = setTimeout(() => setAwaited(undefined), ARRIVAL);
    return () => clearTimeout(timer);
  }, [awaited]);
  useEffect(() => {
    if (!awaited || !camera) return;
    setAwaited(undefined);
    awaited.then?.(camera);
    // The grid measures its room before it shows the first tile.
    requestAnimationFrame(() => {
      const tile = document.getElementById(`tile-${camera.id}`);
      tile?.scrollIntoView?.({ block: "nearest" });
      tile?.focus();
    });
  }, [awaited, camera]);
  return useCallback((entry, then) => setAwaited({ entry, then }), []);
}

/** Says that the hub is away, and when it is tried again. */
function LinkBanner(): ReactNode {
  const hub = useHub();
  const link = useHubState((state) => state.link);
  const [lost, setLost] = useState(false);
  const away = link.state !== "online";
  useEffect(() => {
    // The first connection, and one that comes back at once, are nobody's concern.
    const timer = setTimeout(() => setLost(away), away ? 1_500 : 0);
    return () => clearTimeout(timer);
  }, [away]);
  const countdown = useCountdown(link.state === "waiting" ? link.at / 1000 : null, "local");
  return (
    <div className="banner" role="status" data-open={lost ? "" : undefined} data-testid="banner">
      {lost && (
        <>
          <span>
            {words.linkLost}{" "}
            {countdown ? words.linkRetryIn(countdown) : words.linkConnecting}
          </span>
          <button
            type="button"
            className="button button--small"
            disabled={link.state !== "waiting"}
            onClick={() => hub.retryNow()}
          >
            {words.tryNow}
          </button>
        </>
      )}
    </div>
  );
}

function Empty({ onAdd }: { onAdd: () => void }): ReactNode {
  const { user } = useHub();
  const admin = user.role === "admin";
  return (
    <main className="area area--centre" id="cameras" tabIndex={-1}>
      <section className="empty" data-testid="empty">
        <span className="empty__mark">
          <CameraIcon />
        </span>
        <h2>{words.emptyTitle}</h2>
        <p>{admin ? words.emptyText : words.emptyViewer}</p>
        {admin && (
          <>
            <button type="button" className="button button--primary" onClick={onAdd}>
              <PlusIcon />
              {words.addCamera}
            </button>
            <p className="empty__or">{words.emptyYaml}</p>
            <pre>
              {
                "cameras:\n  - name: Front door\n    integration: rtsp\n    url: rtsp://192.0.2.10:554/stream1\n    username: viewer\n    password: !secret front_password"
              }
            </pre>
          </>
        )}
      </section>
    </main>
  );
}

/**
 * Cameras that are being removed, and what removes one. The hub forgets a password for good, so
 * the request is sent only when it can no longer be undone: after some seconds, or with the page.
 */
function useRemovals(): [ReadonlySet<string>, (camera: Camera) => void] {
  const hub = useHub();
  const toasts = useToasts();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const pending = useRef(new Map<string, ReturnType<typeof setTimeout>>());

  const show = useCallback((id: string) => {
    setHidden((before) => new Set([...before].filter((one) => one !== id)));
  }, []);
  const remove = (camera: Camera): void => {
    const { id, name } = camera;
    setHidden((before) => new Set(before).add(id));
    const dismiss = toasts.show(words.removed(name), {
      seconds: UNDO + 1,
      action: {
        label: words.undo,
        run: () => {
          clearTimeout(pending.current.get(id));
          pending.current.delete(id);
          show(id);
        },
      },
    });
    const timer = setTimeout(() => {
      pending.current.delete(id);
      dismiss();
      hub.rest
        .removeCamera(id)
        .catch((error: { code: string; message: string }) => {
          if (error.code === "NOT_FOUND") return;
          toasts.show(words.removeFailed(name, sentence(error)), { tone: "bad", seconds: 10 });
        })
        // By then the hub has told that it is gone; a camera that stays is shown again.
        .finally(() => setTimeout(() => show(id), 1_000));
    }, UNDO * 1000);
    pending.current.set(id, timer);
  };

  useEffect(() => {
    const flush = (): void => {
      for (const [id, timer] of pending.current) {
        clearTimeout(timer);
        hub.rest.removeCamera(id, true).catch(() => undefined);
      }
      pending.current.clear();
    };
    window.addEventListener("pagehide", flush);
    return () => {
      window.removeEventListener("pagehide", flush);
      flush();
    };
  }, [hub]);
  return [hidden, remove];
}

function useColumns(): [number, (columns: number) => void] {
  const [columns, setColumns] = useState(() => {
    try {
      const stored = Number(localStorage.getItem(COLUMNS_KEY));
      return Number.isInteger(stored) && stored >= 0 && stored <= 12 ? stored : 0;
    } catch {
      return 0; // storage may be forbidden
    }
  });
  const choose = (chosen: number): void => {
    setColumns(chosen);
    try {
      localStorage.setItem(COLUMNS_KEY, String(chosen));
    } catch {
      // The choice then lasts as long as the page.
    }
  };
  return [columns, choose];
}
