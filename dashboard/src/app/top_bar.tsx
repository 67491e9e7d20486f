import { type ReactNode } from "react";

import type { Camera } from "../client/index.ts";
import { words } from "../i18n/index.ts";
import { useHub, useHubState } from "./hub.tsx";
import {
  InboxIcon,
  LogOutIcon,
  Mark,
  MoonIcon,
  PluginIcon,
  PlusIcon,
  SunIcon,
  SystemIcon,
} from "./icons.tsx";
import { megabytes, number } from "./numbers.ts";
import { useTheme } from "./theme.ts";
import { useWaiting } from "./waiting.ts";

interface TopBarProps {
  readonly cameras: readonly Camera[];
  readonly columns: number;
  readonly onColumns: (columns: number) => void;
  readonly onAdd: () => void;
  readonly onInbox: () => void;
  readonly onPlugins: () => void;
  readonly onLogOut: () => void;
}

const TROUBLE = new Set(["retrying", "offline", "auth_failed"]);

function inTrouble(camera: Camera): boolean {
  if (camera.disabled) return false;
  if (camera.entry.state !== "loaded") return !camera.entry.state.endsWith("_in_progress");
  return camera.profiles.some((profile) => TROUBLE.has(profile.stream.state));
}

/** Product, how the cameras are, how the hub is, and what concerns the whole page. */
export function TopBar(props: TopBarProps): ReactNode {
  const { cameras } = props;
  const { user, admin } = useHub();
  const load = useHubState((hub) => hub.process);
  const online = useHubState((hub) => hub.link.state === "online");
  const live = cameras.filter((camera) =>
    camera.profiles.some((profile) => profile.stream.state === "live"),
  ).length;
  const trouble = cameras.filter(inTrouble).length;
  return (
    <header className="bar">
      <a className="skip" href="#cameras" onClick={focusCameras}>
        {words.skipToCameras}
      </a>
      <Mark />
      <div className="bar__titles">
        <h1 className="bar__product">{words.product}</h1>
        <p className="bar__summary" data-testid="summary">
          {online ? words.summary(cameras.length, live) : words.stateNoHub}
          {online && trouble > 0 && (
            <>
              <span className="bar__separator"> · </span>
              <span className="bar__trouble">{words.attention(trouble)}</span>
            </>
          )}
        </p>
      </div>
      <p className="bar__load" title={words.hubLoadTitle} data-testid="hub-load">
        {load && words.hubLoad(`${number(load.cpu_percent)} %`, megabytes(load.memory_bytes))}
      </p>
      <label className="bar__columns">
        <span>{words.columns}</span>
        <select
          value={props.columns}
          onChange={(event) => props.onColumns(Number(event.target.value))}
        >
          <option value={0}>{words.columnsAuto}</option>
          {[1, 2, 3, 4, 5, 6, 8].map((count) => (
            <option key={count} value={count}>
              {count}
            </option>
          ))}
        </select>
      </label>
      {admin && (
        <>
          <button
            type="button"
            className="button button--primary bar__add"
            aria-label={words.addCamera}
            data-testid="add-camera"
            onClick={props.onAdd}
          >
            <PlusIcon />
            <span>{words.addCamera}</span>
          </button>
          <InboxButton onClick={props.onInbox} />
          <button
            type="button"
            className="button button--icon bar__plugins"
            aria-label={words.plugins}
            title={words.plugins}
            data-testid="plugins"
            onClick={props.onPlugins}
          >
            <PluginIcon />
          </button>
        </>
      )}
      <ThemeButton />
      <button
        type="button"
        className="button button--icon"
        aria-label={`${words.logOut} (${user.name})`}
        title={`${words.logOut} (${user.name})`}
        data-testid="log-out"
        onClick={props.onLogOut}
      >
        <LogOutIcon />
      </button>
    </header>
  );
}

function InboxButton({ onClick }: { onClick: () => void }): ReactNode {
  const count = useWaiting();
  const label = words.inboxCount(count);
  return (
    <>
      <button
        type="button"
        className="button button--icon bar__inbox"
        aria-label={label}
        title={label}
        data-testid="inbox"
        data-count={count}
        onClick={onClick}
      >
        <InboxIcon />
        {count > 0 && (
          <span className="bar__badge" aria-hidden="true">
            {count > 99 ? "99+" : count}
          </span>
        )}
      </button>
      {/* Read out when something comes in, whatever has the focus. */}
      <span className="visually-hidden" role="status" data-testid="inbox-news">
        {count > 0 && label}
      </span>
    </>
  );
}

// The address's fragment is the page's own; the link must not change it.
function focusCameras(event: { preventDefault: () => void }): void {
  event.preventDefault();
  document.getElementById("cameras")?.focus();
}

export function ThemeButton(): ReactNode {
  const [theme, next] = useTheme();
  const label = { system: words.themeSystem, light: words.themeLight, dark: words.themeDark }[theme];
  return (
    <button
      type="button"
      className="button button--icon"
      aria-label={label}
      title={label}
      data-testid="theme"
      onClick={next}
    >
      {theme === "light" ? <SunIcon /> : theme === "dark" ? <MoonIcon /> : <SystemIcon />}
    </button>
  );
}
