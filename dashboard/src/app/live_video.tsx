/** Shows a camera's live stream; changes between its profiles without a black moment. */

import { useEffect, useMemo, useRef, useState, useSyncExternalStore, type ReactNode } from "react";

import { LivePlayer, sleepWhenUnseen, type PlayerState, type PlayerStats } from "../player/index.ts";
import { useHub } from "./hub.tsx";

interface Layer {
  readonly profile: string;
  readonly serial: number;
}

export function LiveVideo(props: {
  camera: string;
  name: string;
  profile: string;
  /** Called with the player whose picture is shown. */
  onPlayer: (player: LivePlayer | undefined) => void;
}): ReactNode {
  const { camera, profile, onPlayer } = props;
  const [layers, setLayers] = useState<readonly Layer[]>([{ profile, serial: 0 }]);
  const newest = layers.at(-1);
  if (newest && newest.profile !== profile) {
    // Keep what is shown until the other stream has a picture; what never had one is dropped.
    setLayers([...layers.slice(0, 1), { profile, serial: newest.serial + 1 }]);
  }
  return layers.map((layer, index) => (
    <VideoLayer
      key={layer.serial}
      camera={camera}
      name={props.name}
      profile={layer.profile}
      shown={index === 0}
      onPlayer={onPlayer}
      onPicture={() => {
        if (index > 0) setLayers((all) => all.filter((one) => one.serial >= layer.serial));
      }}
    />
  ));
}

function VideoLayer(props: {
  camera: string;
  name: string;
  profile: string;
  shown: boolean;
  onPlayer: (player: LivePlayer | undefined) => void;
  onPicture: () => void;
}): ReactNode {
  const { camera, profile, shown, onPlayer, onPicture } = props;
  const { rest } = useHub();
  const video = useRef<HTMLVideoElement>(null);
  const [player, setPlayer] = useState<LivePlayer>();

  useEffect(() => {
    const element = video.current;
    if (!element) return undefined;
    const made = new LivePlayer(element, { url: () => rest.streamUrl(camera, profile) });
    const unwatch = sleepWhenUnseen(made, element);
    setPlayer(made);
    return () => {
      unwatch();
      made.stop();
    };
  }, [camera, profile, rest]);

  useEffect(() => {
    if (!shown || !player) return undefined;
    onPlayer(player);
    return () => onPlayer(undefined);
  }, [shown, player, onPlayer]);

  const phase = usePlayerState(player)?.phase;
  const playing = phase === "playing";
  const told = useRef(onPicture);
  told.current = onPicture;
  useEffect(() => {
    if (playing && !shown) told.current();
  }, [playing, shown]);

  return (
    <video
      ref={video}
      className={shown ? "video" : "video video--next"}
      data-camera={camera}
      data-profile={profile}
      data-phase={phase}
      aria-label={props.name}
      muted
      playsInline
      disablePictureInPicture
    />
  );
}

const never = (): (() => void) => () => undefined;

function useSubscription(player: LivePlayer | undefined): (listener: () => void) => () => void {
  return useMemo(() => (player ? (listener: () => void) => player.subscribe(listener) : never), [player]);
}

/** The player's state; the component is drawn again when it changes. */
export function usePlayerState(player: LivePlayer | undefined): PlayerState | undefined {
  return useSyncExternalStore(useSubscription(player), () => player?.state);
}

/** The player's measurements, once a second. */
export function usePlayerStats(player: LivePlayer | undefined): PlayerStats | undefined {
  return useSyncExternalStore(useSubscription(player), () => player?.stats);
}
