/** What a camera can be made to do, as far as it can do it. */

import { useCallback, useEffect, useMemo, useState, type FormEvent, type ReactNode } from "react";

import type { ApiError, Camera, DayNight, Imaging, Preset } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";
import { Check, Choice, Field } from "./field.tsx";
import { useHub } from "./hub.tsx";
import { CloseIcon } from "./icons.tsx";
import { LiveVideo } from "./live_video.tsx";
import { PtzDriver, PtzStepper, type Mover } from "./ptz_driver.ts";
import { PtzPad } from "./ptz_pad.tsx";
import { chooseProfile } from "./tile_state.ts";

const MOVING = ["ptz", "ptz_relative", "ptz_home", "ptz_presets"];
const ALL = new Set([...MOVING, "day_night", "light"]);

/** Whether there is anything to control. */
export function hasControls(camera: Camera): boolean {
  return camera.entry.state === "loaded" && camera.capabilities.some((one) => ALL.has(one));
}

/** Pad, positions, light: each is shown only if the camera has it. */
export function CameraControls({ camera }: { camera: Camera }): ReactNode {
  const { id, capabilities } = camera;
  const hub = useHub();
  const [error, setError] = useState("");
  const failed = useCallback((failure: unknown) => setError(sentence(failure as ApiError)), []);
  const can = (capability: string): boolean => capabilities.includes(capability);

  /** Run a command; what went wrong before no longer matters. */
  const run = useCallback(
    <T,>(command: Promise<T>): Promise<T | undefined> => {
      setError("");
      return command.catch((failure: unknown) => {
        failed(failure);
        return undefined;
      });
    },
    [failed],
  );
  const continuous = can("ptz");
  const mover = useMemo<Mover>(
    () =>
      continuous
        ? new PtzDriver({
            move: (velocity) => hub.commands.move(id, velocity),
            stop: () => hub.commands.stopMoving(id),
            onError: failed,
          })
        : new PtzStepper((translation) => hub.commands.moveBy(id, translation), failed),
    [hub, id, continuous, failed],
  );
  const home = can("ptz_home") ? () => void run(hub.commands.moveHome(id)) : undefined;
  return (
    <section className="controls" aria-label={words.controls} data-testid="controls">
      <h3>{words.controls}</h3>
      {MOVING.some(can) && <Preview camera={camera} />}
      <p className="form__error" role="alert" data-testid="controls-error">
        {error}
      </p>
      {continuous || can("ptz_relative") ? (
        <PtzPad mover={mover} onHome={home} />
      ) : (
        home && (
          <button type="button" className="button" onClick={home}>
            {words.ptzHome}
          </button>
        )
      )}
      {can("ptz_presets") && <Presets camera={id} run={run} />}
      {(can("day_night") || can("light")) && <Light camera={id} run={run} />}
    </section>
  );
}

const nobody = (): void => undefined;

/** Where the camera looks, while it is moved. */
function Preview({ camera }: { camera: Camera }): ReactNode {
  const profile = chooseProfile(camera.profiles, 640);
  if (!profile) return null;
  return (
    <div className="preview">
      <LiveVideo camera={camera.id} name={camera.name} profile={profile.name} onPlayer={nobody} />
    </div>
  );
}

type Run = <T>(command: Promise<T>) => Promise<T | undefined>;

/** Positions that the camera remembers. */
function Presets({ camera, run }: { camera: string; run: Run }): ReactNode {
  const { commands } = useHub();
  const [presets, setPresets] = useState<readonly Preset[]>();
  const [name, setName] = useState("");
  const [busy, setBusy] = useState(false);
  const ask = useCallback(async () => {
    const answer = await run(commands.presets(camera));
    if (answer) setPresets(answer);
  }, [commands, camera, run]);
  useEffect(() => void ask(), [ask]);

  const change = async (command: Promise<unknown>): Promise<void> => {
    setBusy(true);
    try {
      if ((await run(command)) !== undefined) await ask();
    } finally {
      setBusy(false);
    }
  };
  const create = (event: FormEvent): void => {
    event.preventDefault();
    if (!name.trim()) return;
    void change(commands.createPreset(camera, name.trim()));
    setName("");
  };
  return (
    <div className="presets" data-testid="presets">
      <h4>{words.presets}</h4>
      {presets?.length === 0 && <p className="form__text">{words.presetsNone}</p>}
      <ul className="presets__list">
        {presets?.map((preset) => (
          <li key={preset.id} className="preset">
            <button
              type="button"
              className="button button--small"
              aria-label={words.presetGo(preset.name)}
              onClick={() => void run(commands.goToPreset(camera, preset.id))}
            >
              {preset.name}
            </button>
            <button
              type="button"
              className="button button--icon"
              disabled={busy}
              aria-label={words.presetDelete(preset.name)}
              title={words.presetDelete(preset.name)}
              onClick={() => void change(commands.deletePreset(camera, preset.id))}
            >
              <CloseIcon />
            </button>
          </li>
        ))}
      </ul>
      <form className="presets__new" onSubmit={create}>
        <Field label={words.presetName} name="preset" value={name} onChange={setName} />
        <button type="submit" className="button" disabled={busy || !name.trim()}>
          {words.presetSave}
        </button>
      </form>
    </div>
  );
}

/** Day and night mode, and the lamp. */
function Light({ camera, run }: { camera: string; run: Run }): ReactNode {
  const { commands } = useHub();
  const [imaging, setImaging] = useState<Imaging>();
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    let here = true;
    void run(commands.imaging(camera)).then((answer) => {
      if (here && answer) setImaging(answer);
    });
    return () => {
      here = false;
    };
  }, [commands, camera, run]);

  const change = (wanted: { readonly day_night?: DayNight; readonly light?: boolean }): void => {
    setBusy(true);
    void run(commands.setImaging(camera, wanted))
      .then((answer) => answer && setImaging(answer))
      .finally(() => setBusy(false));
  };
  if (!imaging) return null;
  return (
    <div className="form__pair" data-testid="imaging">
      {imaging.day_night !== null && (
        <Choice
          label={words.dayNight}
          name="day_night"
          value={imaging.day_night}
          options={Object.entries(words.dayNightModes).map(([value, label]) => ({ value, label }))}
          disabled={busy}
          onChange={(mode) => change({ day_night: mode as DayNight })}
        />
      )}
      {imaging.light !== null && (
        <Check
          label={words.light}
          name="light"
          checked={imaging.light}
          disabled={busy}
          onChange={(light) => change({ light })}
        />
      )}
    </div>
  );
}
