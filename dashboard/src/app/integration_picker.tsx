import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

import type { IntegrationInfo } from "../client/index.ts";
import { words } from "../i18n/index.ts";

/** The integrations whose name, domain or plugin has every word of `text`. */
export function matching(
  integrations: readonly IntegrationInfo[],
  text: string,
): readonly IntegrationInfo[] {
  const parts = folded(text).split(/\s+/).filter(Boolean);
  return integrations.filter(({ name, domain, plugin }) => {
    const all = folded(`${name} ${domain} ${plugin}`);
    return parts.every((part) => all.includes(part));
  });
}

function folded(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

/** A list to search in and choose from, by pointer or by keys alone. */
export function IntegrationPicker(props: {
  integrations: readonly IntegrationInfo[];
  onPick: (integration: IntegrationInfo) => void;
}): ReactNode {
  const id = useId();
  const [text, setText] = useState("");
  const [index, setIndex] = useState(0);
  const found = matching(props.integrations, text);
  const active = Math.min(index, found.length - 1);
  const list = useRef<HTMLUListElement>(null);
  const search = useRef<HTMLInputElement>(null);
  // The dialog may have been open before there was anything to choose from.
  useEffect(() => search.current?.focus(), []);
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView?.({ block: "nearest" });
  }, [active]);

  const press = (event: KeyboardEvent): void => {
    const last = found.length - 1;
    const next = {
      ArrowDown: active >= last ? 0 : active + 1,
      ArrowUp: active <= 0 ? last : active - 1,
    }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      setIndex(next);
    } else if (event.key === "Enter") {
      event.preventDefault();
      const chosen = found[active];
      if (chosen) props.onPick(chosen);
    }
  };
  return (
    <div className="form">
      <div className="field">
        <label htmlFor={`${id}-search`}>{words.chooseIntegration}</label>
        <input
          id={`${id}-search`}
          ref={search}
          type="text"
          role="combobox"
          aria-expanded="true"
          aria-controls={`${id}-list`}
          aria-activedescendant={active >= 0 ? `${id}-${active}` : undefined}
          aria-autocomplete="list"
          autoComplete="off"
          spellCheck={false}
          placeholder={words.searchIntegrations}
          value={text}
          data-autofocus
          data-testid="integration-search"
          onChange={(event) => {
            setText(event.target.value);
            setIndex(0);
          }}
          onKeyDown={press}
        />
      </div>
      <ul
        className="picks"
        id={`${id}-list`}
        ref={list}
        role="listbox"
        aria-label={words.chooseIntegration}
      >
        {found.map((integration, place) => (
          <li
            key={integration.domain}
            id={`${id}-${place}`}
            className="pick"
            role="option"
            aria-selected={place === active}
            data-testid={`integration-${integration.domain}`}
            onPointerMove={() => setIndex(place)}
            onClick={() => props.onPick(integration)}
          >
            <span className="pick__name">{integration.name}</span>
            <span className="pick__source">
              {integration.source !== "built-in" && `${words.pluginSources[integration.source]} · `}
              {integration.version}
            </span>
          </li>
        ))}
      </ul>
      <p className={found.length > 0 ? "visually-hidden" : "form__text"} role="status">
        {found.length > 0 ? words.integrationsFound(found.length) : words.noIntegrations(text)}
      </p>
    </div>
  );
}
