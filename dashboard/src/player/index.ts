/** The low-latency player; usable without the rest of the dashboard. */
export {
  LivePlayer,
  type PlayerOptions,
  type PlayerPhase,
  type PlayerState,
} from "./live_player.ts";
export { browserEnvironment, type PlayerEnvironment } from "./environment.ts";
export { type PlayerStats } from "./meter.ts";
export { DEFAULT_PACE, Pace, type PaceOptions } from "./pace.ts";
export { type SourceStatus } from "./stream_connection.ts";
export { sleepWhenUnseen } from "./visibility.ts";
