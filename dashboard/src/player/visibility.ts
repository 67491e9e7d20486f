import type { LivePlayer } from "./live_player.ts";

/** Out of sight for this long before the connection is closed: scrolling past costs nothing. */
const GRACE = 1_000;

/**
 * Lets the player sleep while the page is hidden or `element` is off screen, and wakes it at once
 * when it is seen again. Returns what ends the watch; the player is left as it is.
 */
export function sleepWhenUnseen(player: LivePlayer, element: Element): () => void {
  let onScreen = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const judge = (): void => {
    clearTimeout(timer);
    if (onScreen && document.visibilityState === "visible") player.wake();
    else timer = setTimeout(() => player.sleep(), GRACE);
  };
  const observer = new IntersectionObserver(
    (entries) => {
      onScreen = entries.at(-1)?.isIntersecting ?? false;
      judge();
    },
    { rootMargin: "160px" },
  );
  observer.observe(element);
  document.addEventListener("visibilitychange", judge);
  return () => {
    clearTimeout(timer);
    observer.disconnect();
    document.removeEventListener("visibilitychange", judge);
  };
}
