import { useEffect, useState, type ReactNode } from "react";

import { useHub } from "./hub.tsx";

const EVERY = 3_000;

/** Still pictures, for browsers that cannot play the stream. */
export function Stills(props: { camera: string; name: string; profile: string }): ReactNode {
  const { rest } = useHub();
  const [turn, setTurn] = useState(0);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") setTurn((count) => count + 1);
    }, EVERY);
    return () => clearInterval(timer);
  }, []);
  const url = new URL(rest.snapshotUrl(props.camera, props.profile));
  url.searchParams.set("turn", String(turn));
  return (
    <img
      className="video"
      hidden={failed}
      src={url.href}
      alt={props.name}
      onLoad={() => setFailed(false)}
      onError={() => setFailed(true)}
    />
  );
}
