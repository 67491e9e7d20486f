/** Typed client of the hub's REST and WebSocket interfaces; no framework. */
export { applied } from "./camera_list.ts";
export { HubCommands } from "./commands.ts";
export type * from "./control_types.ts";
export type * from "./discovery_types.ts";
export { reported, type CameraReports, type Reports } from "./event_list.ts";
export { ApiError, HUB_UNREACHABLE } from "./errors.ts";
export { appliedFlows, ended } from "./flow_list.ts";
export type * from "./flow_types.ts";
export {
  appliedDiscovery,
  appliedScans,
  isOver,
  showing,
  type Found,
  type Scans,
} from "./found_list.ts";
export { HubSocket, type HubSocketOptions, type Link } from "./hub_socket.ts";
export type * from "./plugin_types.ts";
export { RestClient, type RestOptions } from "./rest.ts";
export type * from "./scan_types.ts";
export type * from "./types.ts";
