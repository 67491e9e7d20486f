import { useCallback, useEffect, useState, type ReactNode } from "react";

import type {
  ApiError,
  LoadedPlugin,
  PluginFault,
  Plugins,
  QuarantinedPlugin,
} from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { ago } from "./ago.ts";
import { useHub, useHubState } from "./hub.tsx";
import { LeftIcon } from "./icons.tsx";
import { useToasts } from "./toasts.tsx";

/** How often the list is asked for anew, in milliseconds: plugins fail at any time. */
const EVERY = 10_000;

/** What is loaded and what is in quarantine, and why. */
export function PluginsPage({ onBack }: { onBack: () => void }): ReactNode {
  const hub = useHub();
  const online = useHubState((state) => state.link.state === "online");
  const [plugins, setPlugins] = useState<Plugins>();
  const [failure, setFailure] = useState<ApiError>();

  const ask = useCallback(async (): Promise<Plugins | undefined> => {
    try {
      const answer = await hub.commands.plugins();
      setPlugins(answer);
      setFailure(undefined);
      return answer;
    } catch (error) {
      setFailure(error as ApiError);
      return undefined;
    }
  }, [hub]);
  useEffect(() => {
    if (!online) return undefined;
    void ask();
    const timer = setInterval(() => void ask(), EVERY);
    return () => clearInterval(timer);
  }, [online, ask]);

  const quarantined = plugins?.quarantined ?? [];
  const loaded = [...(plugins?.plugins ?? [])].sort(bySource);
  return (
    <main className="area area--page" id="cameras" tabIndex={-1} data-testid="plugins-page">
      <div className="sheet">
        <button type="button" className="button button--small sheet__back" onClick={onBack}>
          <LeftIcon />
          {words.backToCameras}
        </button>
        <h2 className="sheet__title">{words.plugins}</h2>
        <p className="form__text">{words.pluginsText}</p>
        {failure && !plugins && (
          <p className="notice" data-tone="bad" role="alert">
            {words.pluginsFailed} {sentence(failure)}
          </p>
        )}
        {!plugins && !failure && (
          <span className="spinner" role="status" aria-label={words.loading} />
        )}
        {quarantined.length > 0 && (
          <section aria-labelledby="quarantined">
            <h3 id="quarantined">{words.pluginsQuarantined}</h3>
            <p className="form__text">{words.pluginsQuarantinedText}</p>
            <ul className="entries">
              {quarantined.map((plugin) => (
                <Quarantined key={plugin.path || plugin.name} plugin={plugin} ask={ask} />
              ))}
            </ul>
          </section>
        )}
        {plugins && (
          <section aria-labelledby="loaded">
            <h3 id="loaded">{words.pluginsLoaded}</h3>
            {loaded.length === 0 && <p className="form__text">{words.pluginsNone}</p>}
            <ul className="entries">
              {loaded.map((plugin) => (
                <Loaded key={plugin.path || plugin.name} plugin={plugin} ask={ask} />
              ))}
            </ul>
          </section>
        )}
      </div>
    </main>
  );
}

/** A person's own plugins come first: they are what this page is opened for. */
function bySource(one: LoadedPlugin, other: LoadedPlugin): number {
  const order = ["folder", "installed", "built-in"];
  const difference = order.indexOf(one.source) - order.indexOf(other.source);
  return difference || one.name.localeCompare(other.name);
}

type Ask = () => Promise<Plugins | undefined>;

/** Runs what is asked of a plugin, then says what became of it. */
function useAction(
  name: string,
  ask: Ask,
): [boolean, (run: () => Promise<unknown>, said: (after: Plugins | undefined) => string) => void] {
  const hub = useHub();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);
  const act = (run: () => Promise<unknown>, said: (after: Plugins | undefined) => string): void => {
    setBusy(true);
    run()
      .then(async () => {
        toasts.show(said(await ask()));
        hub.refreshIntegrations();
      })
      .catch(async (error: ApiError) => {
        toasts.show(words.commandFailed(name, sentence(error)), { tone: "bad", seconds: 10 });
        await ask();
      })
      .finally(() => setBusy(false));
  };
  return [busy, act];
}

function Loaded({ plugin, ask }: { plugin: LoadedPlugin; ask: Ask }): ReactNode {
  const hub = useHub();
  const [busy, act] = useAction(plugin.name, ask);
  const reloadable = plugin.reloadable ?? plugin.source === "folder";
  return (
    <li className="entry entry--plugin" data-testid={`plugin-${plugin.name}`}>
      <div className="entry__text">
        <p className="entry__title">
          {plugin.name} <Source source={plugin.source} />
        </p>
        {plugin.domains.length > 0 && (
          <p className="entry__line">{words.pluginProvides(plugin.domains.join(", "))}</p>
        )}
        {plugin.source !== "built-in" && plugin.path && (
          <p className="entry__line entry__path">{plugin.path}</p>
        )}
        {(plugin.leaked ?? 0) > 0 && (
          <p className="entry__line" data-tone="bad">
            {words.pluginLeaked(plugin.leaked ?? 0)}
          </p>
        )}
        {plugin.faults.length > 0 && <Faults faults={plugin.faults} />}
      </div>
      {reloadable && (
        <div className="entry__actions">
          <button
            type="button"
            className="button button--small"
            disabled={busy}
            aria-label={`${words.pluginReload}: ${plugin.name}`}
            onClick={() =>
              act(
                () => hub.commands.reloadPlugin(plugin.name),
                () => words.pluginReloaded(plugin.name),
              )
            }
          >
            {words.pluginReload}
          </button>
        </div>
      )}
    </li>
  );
}

function Quarantined({ plugin, ask }: { plugin: QuarantinedPlugin; ask: Ask }): ReactNode {
  const hub = useHub();
  const [busy, act] = useAction(plugin.name, ask);
  const failsAgain = (after: Plugins | undefined): boolean =>
    after?.quarantined.some(({ name }) => name === plugin.name) ?? false;
  return (
    <li className="entry entry--plugin" data-tone="bad" data-testid={`quarantined-${plugin.name}`}>
      <div className="entry__text">
        <p className="entry__title">
          {plugin.name} <Source source={plugin.source} />
        </p>
        <p className="entry__line">
          {words.pluginStages[plugin.stage] ?? plugin.stage} · <Ago at={plugin.at} />
        </p>
        <p className="entry__reason">{plugin.reason}</p>
        <Place file={plugin.file || plugin.path || ""} line={plugin.line} />
      </div>
      <div className="entry__actions">
        <button
          type="button"
          className="button button--small"
          disabled={busy}
          aria-label={`${words.pluginRelease}: ${plugin.name}`}
          onClick={() =>
            act(
              () => hub.commands.releasePlugin(plugin.name),
              (after) =>
                failsAgain(after)
                  ? words.pluginStillFails(plugin.name)
                  : words.pluginReleased(plugin.name),
            )
          }
        >
          {words.pluginRelease}
        </button>
      </div>
    </li>
  );
}

function Source({ source }: { source: string }): ReactNode {
  return <span className="badge badge--plain">{words.pluginSources[source] ?? source}</span>;
}

function Place({ file, line }: { file: string; line: number }): ReactNode {
  if (!file) return null;
  return <p className="entry__line entry__path">{line > 0 ? `${file}:${line}` : file}</p>;
}

/** What a plugin did wrong, the latest first. */
function Faults({ faults }: { faults: readonly PluginFault[] }): ReactNode {
  return (
    <details className="folded">
      <summary>{words.pluginFaults(faults.length)}</summary>
      <ul className="faults">
        {[...faults].reverse().map((fault, index) => (
          // The same can happen twice at once.
          <li key={`${fault.at}-${index}`}>
            <p className="entry__line">
              {fault.what} · <Ago at={fault.at} />
            </p>
            <p className="entry__reason">{fault.reason}</p>
            <Place file={fault.file ?? ""} line={fault.line ?? 0} />
          </li>
        ))}
      </ul>
    </details>
  );
}

function Ago({ at }: { at: number }): ReactNode {
  const date = new Date(at * 1000);
  return (
    <time dateTime={date.toISOString()} title={date.toLocaleString()}>
      {ago(at, Date.now() / 1000)}
    </time>
  );
}
