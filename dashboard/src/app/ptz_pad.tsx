import {
  useCallback,
  useEffect,
  useId,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
  type ReactNode,
} from "react";

import { words } from "../i18n/index.ts";
import { ArrowIcon, HomeIcon, MinusIcon, PlusIcon } from "./icons.tsx";
import { velocity, type Direction, type Mover } from "./ptz_driver.ts";

/** In the order of the pad's rows; the middle is the home position. */
const DIRECTIONS = [
  ["up", "left"],
  ["up"],
  ["up", "right"],
  ["left"],
  [],
  ["right"],
  ["down", "left"],
  ["down"],
  ["down", "right"],
] as const satisfies readonly (readonly Direction[])[];

const LABELS: Readonly<Record<string, string>> = {
  "up left": words.ptzUpLeft,
  up: words.ptzUp,
  "up right": words.ptzUpRight,
  left: words.ptzLeft,
  right: words.ptzRight,
  "down left": words.ptzDownLeft,
  down: words.ptzDown,
  "down right": words.ptzDownRight,
};

const KEYS: Readonly<Record<string, Direction>> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
  "+": "in",
  "-": "out",
};

/** How long a press moves that has no length of its own, as from a screen reader, in milliseconds. */
const NUDGE = 400;

/** Moves a camera while one of its buttons or keys is held; letting go of any kind stops it. */
export function PtzPad(props: { mover: Mover; onHome?: (() => void) | undefined }): ReactNode {
  const { mover } = props;
  const id = useId();
  const [speed, setSpeed] = useState(0.5);
  const held = useRef(new Set<Direction>());

  const move = useCallback(
    (directions: Iterable<Direction>): void => {
      held.current = new Set(directions);
      const wanted = velocity(held.current, speed);
      if (wanted) mover.begin(wanted);
      else mover.end();
    },
    [mover, speed],
  );
  const stop = useCallback((): void => {
    held.current.clear();
    mover.end();
  }, [mover]);

  // Who looks elsewhere no longer sees where the camera goes.
  useEffect(() => {
    const hidden = (): void => {
      if (document.visibilityState === "hidden") stop();
    };
    window.addEventListener("blur", stop);
    window.addEventListener("pagehide", stop);
    document.addEventListener("visibilitychange", hidden);
    return () => {
      window.removeEventListener("blur", stop);
      window.removeEventListener("pagehide", stop);
      document.removeEventListener("visibilitychange", hidden);
      stop();
    };
  }, [stop]);

  const keyDown = (event: KeyboardEvent): void => {
    const direction = KEYS[event.key];
    if (!direction || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (!event.repeat) move([...held.current, direction]);
  };
  const keyUp = (event: KeyboardEvent): void => {
    const direction = KEYS[event.key];
    if (direction) move([...held.current].filter((one) => one !== direction));
  };
  const buttons = { move, stop };
  return (
    <div
      className="ptz"
      role="group"
      aria-label={words.move}
      aria-describedby={`${id}-hint`}
      data-testid="ptz"
      onKeyDown={keyDown}
      onKeyUp={keyUp}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) stop();
      }}
    >
      <div className="ptz__pad">
        {DIRECTIONS.map((directions) =>
          directions.length > 0 ? (
            <HoldButton
              key={directions.join(" ")}
              label={LABELS[directions.join(" ")] ?? ""}
              direction={directions}
              {...buttons}
            >
              <ArrowIcon />
            </HoldButton>
          ) : props.onHome ? (
            <button
              key="home"
              type="button"
              className="button button--icon ptz__button"
              aria-label={words.ptzHome}
              title={words.ptzHome}
              onClick={props.onHome}
            >
              <HomeIcon />
            </button>
          ) : (
            <span key="home" />
          ),
        )}
      </div>
      <div className="ptz__side">
        <div className="ptz__zoom">
          <HoldButton label={words.zoomOut} direction={["out"]} {...buttons}>
            <MinusIcon />
          </HoldButton>
          <HoldButton label={words.zoomIn} direction={["in"]} {...buttons}>
            <PlusIcon />
          </HoldButton>
        </div>
        <label className="ptz__speed">
          {words.speed}
          <input
            type="range"
            min={0.1}
            max={1}
            step={0.1}
            value={speed}
            // Its arrow keys change the speed and do not move the camera.
            onKeyDown={(event) => event.stopPropagation()}
            onKeyUp={(event) => event.stopPropagation()}
            onChange={(event) => setSpeed(Number(event.target.value))}
          />
        </label>
      </div>
      <p className="field__hint ptz__hint" id={`${id}-hint`}>
        {words.moveHint}
      </p>
    </div>
  );
}

function HoldButton(props: {
  label: string;
  direction: readonly Direction[];
  move: (directions: Iterable<Direction>) => void;
  stop: () => void;
  children: ReactNode;
}): ReactNode {
  const { direction, move, stop } = props;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  const pointerDown = (event: PointerEvent<HTMLButtonElement>): void => {
    if (event.button !== 0) return;
    // Not all browsers do so by themselves; and what had the focus stops as it loses it.
    event.currentTarget.focus();
    // The release counts wherever the pointer is by then.
    event.currentTarget.setPointerCapture?.(event.pointerId);
    move(direction);
  };
  const isPress = (event: KeyboardEvent): boolean => event.key === "Enter" || event.key === " ";
  return (
    <button
      type="button"
      className="button button--icon ptz__button"
      aria-label={props.label}
      title={props.label}
      data-direction={direction.join(" ")}
      onPointerDown={pointerDown}
      onPointerUp={stop}
      onPointerCancel={stop}
      onLostPointerCapture={stop}
      onBlur={stop}
      onContextMenu={(event) => event.preventDefault()}
      onKeyDown={(event) => {
        if (!isPress(event)) return;
        event.preventDefault();
        if (!event.repeat) move(direction);
      }}
      onKeyUp={(event) => {
        if (!isPress(event)) return;
        event.preventDefault();
        stop();
      }}
      onClick={(event) => {
        if (event.detail !== 0) return;
        move(direction);
        clearTimeout(timer.current);
        timer.current = setTimeout(stop, NUDGE);
      }}
    >
      {props.children}
    </button>
  );
}
