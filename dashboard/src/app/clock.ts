import { useEffect, useState } from "react";

let offset = 0;

/** The hub's clock is this many milliseconds ahead of this machine's, as a player measured it. */
export function setClockOffset(milliseconds: number): void {
  offset = milliseconds;
}

/** Seconds since the epoch on the hub's clock. */
export function hubNow(): number {
  return (Date.now() + offset) / 1000;
}

/** Seconds since the epoch, read again every so many milliseconds. */
export function useNow(every: number): number {
  const [now, setNow] = useState(hubNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(hubNow()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** Whole seconds until `time`, in seconds since the epoch on that clock; null without one. */
export function useCountdown(time: number | null, clock: "hub" | "local"): number | null {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (time === null) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [time]);
  if (time === null) return null;
  const reading = clock === "hub" ? now + offset : now;
  return Math.max(0, Math.ceil(time - reading / 1000));
}
