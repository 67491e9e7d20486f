/** Typed client of the hub's REST and WebSocket interfaces; no framework. */
export { applied } from "./camera_list.ts";
export { ApiError, HUB_UNREACHABLE } from "./errors.ts";
export { HubSocket, type HubSocketOptions, type Link } from "./hub_socket.ts";
export { RestClient, type RestOptions } from "./rest.ts";
export type * from "./types.ts";
