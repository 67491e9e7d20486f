import {
  useCallback,
  useEffect,
  useLayoutEffect,
  useRef,
  useState,
  type CSSProperties,
  type ReactNode,
} from "react";

import type { Camera } from "../client/index.ts";
import { words } from "../i18n/index.ts";
import type { LivePlayer } from "../player/index.ts";
import { LeftIcon, RightIcon } from "./icons.tsx";
import { arrange, type Space } from "./layout.ts";
import { Tile } from "./tile.tsx";

interface GridProps {
  readonly cameras: readonly Camera[];
  /** 0: as many as fit best. */
  readonly columns: number;
  readonly onDetails: (id: string) => void;
  readonly onLogIn: (id: string) => void;
  readonly onPlayer: (id: string, player: LivePlayer | undefined) => void;
}

/** All cameras; one of them may fill the screen. */
export function Grid(props: GridProps): ReactNode {
  const { cameras } = props;
  const area = useRef<HTMLElement>(null);
  const [space, unit] = useSpace(area);
  const [expanded, setExpanded] = useState<string | null>(null);
  const current = cameras.findIndex((camera) => camera.id === expanded);
  const full = current >= 0;

  // One camera may fill the page also where the browser lets no element fill the screen.
  const expand = useCallback((id: string | null) => {
    setExpanded(id);
    if (id !== null && !document.fullscreenElement) {
      area.current?.requestFullscreen?.().catch(() => undefined);
    } else if (id === null && document.fullscreenElement) {
      document.exitFullscreen().catch(() => undefined);
    }
  }, []);
  useEffect(() => {
    const left = (): void => {
      if (!document.fullscreenElement) setExpanded(null);
    };
    document.addEventListener("fullscreenchange", left);
    return () => document.removeEventListener("fullscreenchange", left);
  }, []);
  const step = (by: number): void => {
    const next = cameras[(current + by + cameras.length) % cameras.length];
    if (next) setExpanded(next.id);
  };
  useEffect(() => {
    if (!full) return undefined;
    const pressed = (event: KeyboardEvent): void => {
      if (document.querySelector("dialog[open]")) return;
      if (event.key === "Escape") expand(null);
      else if (event.key === "ArrowLeft") step(-1);
      else if (event.key === "ArrowRight") step(1);
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  });

  const shape = { aspect: 16 / 9, footer: 3.5 * unit, gap: 0.625 * unit, narrowest: 17 * unit };
  const { columns, tile, scrolls } = arrange(cameras.length, space, shape, props.columns);
  const style = { "--columns": columns, "--tile": `${tile}px` } as CSSProperties;
  const scale = globalThis.devicePixelRatio || 1;

  return (
    <main
      className="area"
      ref={area}
      id="cameras"
      tabIndex={-1}
      aria-label={words.cameras}
      data-full={full ? "" : undefined}
      data-scrolls={scrolls ? "" : undefined}
    >
      <div className="grid" style={style} data-testid="grid">
        {space.width > 0 &&
          cameras.map((camera) => (
            <Tile
              key={camera.id}
              camera={camera}
              pixels={(camera.id === expanded ? space.width : tile) * scale}
              expanded={camera.id === expanded}
              covered={full && camera.id !== expanded}
              onExpand={expand}
              onDetails={props.onDetails}
              onLogIn={props.onLogIn}
              onPlayer={props.onPlayer}
            />
          ))}
      </div>
      {full && cameras.length > 1 && (
        <>
          <button
            type="button"
            className="button button--icon step step--left"
            aria-label={words.previousCamera}
            onClick={() => step(-1)}
          >
            <LeftIcon />
          </button>
          <button
            type="button"
            className="button button--icon step step--right"
            aria-label={words.nextCamera}
            onClick={() => step(1)}
          >
            <RightIcon />
          </button>
        </>
      )}
    </main>
  );
}

const NO_SPACE: Space = { width: 0, height: 0, scrolledWidth: 0 };

/** The room inside the element's padding, and the page's font size, in pixels. */
function useSpace(area: { readonly current: HTMLElement | null }): [Space, number] {
  const [measured, setMeasured] = useState<[Space, number]>([NO_SPACE, 16]);
  useLayoutEffect(() => {
    const element = area.current;
    if (!element) return undefined;
    const measure = (): void => {
      const style = getComputedStyle(element);
      const sides = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
      const ends = parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
      const space: Space = {
        width: element.offsetWidth - sides,
        height: element.clientHeight - ends,
        scrolledWidth: element.clientWidth - sides,
      };
      const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
      setMeasured((before) =>
        before[0].width === space.width &&
        before[0].height === space.height &&
        before[0].scrolledWidth === space.scrolledWidth &&
        before[1] === unit
          ? before
          : [space, unit],
      );
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [area]);
  return measured;
}
