/** The low-latency player; usable without the rest of the dashboard. */
export {
  LivePlayer,
  type PlayerOptions,
  type PlayerPhase,
  type PlayerState,
  type PlayerStats,
  type SourceStatus,
} from "./live_player.ts";
export { browserEnvironment, type PlayerEnvironment } from "./environment.ts";
export { DEFAULT_PACE, Pace, type PaceOptions } from "./pace.ts";
export { sleepWhenUnseen } from "./visibility.ts";
