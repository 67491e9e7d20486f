import type { ReactNode } from "react";

import type { ReportedEvent } from "../client/index.ts";
import { words } from "../i18n/index.ts";
import { ago } from "./ago.ts";
import { hubNow } from "./clock.ts";
import { useHubState } from "./hub.tsx";

/** What goes on at a camera now, as marks on its tile. */
export function ActiveMarks({ camera }: { camera: string }): ReactNode {
  const active = useHubState((hub) => hub.reports(camera)?.active);
  if (!active || active.length === 0) return null;
  const names = [...new Set(active.map(nameOf))];
  return (
    <ul className="event-marks" data-testid={`events-${camera}`} aria-live="polite">
      {names.map((name) => (
        <li key={name} className="event-mark">
          {name}
        </li>
      ))}
    </ul>
  );
}

/** The last reports of a camera, the newest first. */
export function RecentEvents({ camera }: { camera: string }): ReactNode {
  const recent = useHubState((hub) => hub.reports(camera)?.recent);
  return (
    <section className="facts__group">
      <h3>{words.events}</h3>
      {recent === undefined || recent.length === 0 ? (
        <p className="form__text">{words.eventsNone}</p>
      ) : (
        <ol className="events" data-testid="recent-events">
          {recent.map((report, index) => (
            // They have no identity but their place, and keep no state of their own.
            <li key={index} className="events__one">
              <span>{nameOf(report.event)}</span>
              <span>{phaseOf(report.event)}</span>
              <time dateTime={new Date(report.received * 1000).toISOString()}>
                {ago(report.received, hubNow())}
              </time>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** What is reported, with what was recognised or where. */
function nameOf(event: ReportedEvent): string {
  const kind = words.eventKinds[event.kind] ?? event.kind;
  const object = event["object_type"];
  const own = event["name"];
  if (typeof object === "string" && object) return `${kind}: ${words.objects[object] ?? object}`;
  if (typeof own === "string" && own) return own;
  return event.source ? `${kind} (${event.source})` : kind;
}

function phaseOf(event: ReportedEvent): string {
  if (event.active === null) return "";
  return event.active ? words.eventBegan : words.eventEnded;
}
