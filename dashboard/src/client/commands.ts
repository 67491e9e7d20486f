/** The commands of the WebSocket interface by name, with their results. */

import type { Imaging, Preset, PtzVector, DayNight } from "./control_types.ts";
import type { Adoption, Device, DiscoveryStatus } from "./discovery_types.ts";
import type { FieldValue, Flow, FlowSource } from "./flow_types.ts";
import type { HubSocket } from "./hub_socket.ts";
import type { ConfigStatus, IntegrationInfo, Plugins } from "./plugin_types.ts";
import type { Scan, ScanComparison, ScanRequest, ScanResult } from "./scan_types.ts";

/** Devices that the hub adds by one command. */
const TOGETHER = 64;

/** Every method rejects with ApiError when the hub refuses, is away, or the camera fails. */
export class HubCommands {
  readonly #socket: HubSocket;

  constructor(socket: HubSocket) {
    this.#socket = socket;
  }

  // --- flows ---

  /** One that is going on for the same entry already is answered instead of a new one. */
  async startFlow(
    integration: string,
    source: Exclude<FlowSource, "discovery"> = "user",
    entryId?: string,
  ): Promise<Flow> {
    const entry = entryId === undefined ? {} : { entry_id: entryId };
    return (await this.#call<{ flow: Flow }>("flows/start", { integration, source, ...entry }))
      .flow;
  }

  /** Answer a form. The next page is answered, or after a second the progress towards it. */
  async submitFlow(id: string, values: Readonly<Record<string, FieldValue>>): Promise<Flow> {
    return (await this.#call<{ flow: Flow }>("flows/submit", { flow_id: id, values })).flow;
  }

  /** Answer a menu. */
  async chooseInFlow(id: string, choice: string): Promise<Flow> {
    return (await this.#call<{ flow: Flow }>("flows/submit", { flow_id: id, choice })).flow;
  }

  cancelFlow(id: string): Promise<null> {
    return this.#call("flows/cancel", { flow_id: id });
  }

  // --- devices on the network ---

  /** Ask all devices now. */
  async lookAgain(): Promise<DiscoveryStatus> {
    return (await this.#call<{ status: DiscoveryStatus }>("discovery/refresh")).status;
  }

  ignoreDevice(id: string): Promise<unknown> {
    return this.#call("discovery/ignore", { device_id: id });
  }

  /** Offer a device again that was ignored. */
  offerDevice(id: string): Promise<unknown> {
    return this.#call("discovery/unignore", { device_id: id });
  }

  /** The flow that adds a device, by its best integration or another one. */
  async adoptDevice(id: string, integration?: string): Promise<Flow> {
    const other = integration === undefined ? {} : { integration };
    return (await this.#call<{ flow: Flow }>("discovery/adopt", { device_id: id, ...other })).flow;
  }

  /** Add several with the same credentials; each is tried once. Takes as long as the slowest. */
  async adoptDevices(
    ids: readonly string[],
    username: string,
    password: string,
  ): Promise<readonly Adoption[]> {
    const results: Adoption[] = [];
    for (let begin = 0; begin < ids.length; begin += TOGETHER) {
      const some = ids.slice(begin, begin + TOGETHER);
      const answer = await this.#socket.call<{ results: Adoption[] }>(
        "discovery/adopt_many",
        { device_ids: some, username, password },
        60_000 + some.length * 15_000,
      );
      results.push(...answer.results);
    }
    return results;
  }

  /** All devices that are remembered, with the addresses they had. */
  async deviceHistory(): Promise<readonly Device[]> {
    return (await this.#call<{ devices: Device[] }>("discovery/history")).devices;
  }

  // --- scans of the network ---

  /** Start a scan, or get the one that was just made of the same. */
  async startScan(request: ScanRequest): Promise<Scan> {
    return (await this.#call<{ scan: Scan }>("scan/start", { ...request })).scan;
  }

  pauseScan(id: string): Promise<unknown> {
    return this.#call("scan/pause", { scan_id: id });
  }

  resumeScan(id: string): Promise<unknown> {
    return this.#call("scan/resume", { scan_id: id });
  }

  cancelScan(id: string): Promise<unknown> {
    return this.#call("scan/cancel", { scan_id: id });
  }

  async scanResults(id: string): Promise<readonly ScanResult[]> {
    return (await this.#call<{ results: ScanResult[] }>("scan/results", { scan_id: id })).results;
  }

  /** What differs from the scan of the same before it. */
  compareScan(id: string): Promise<ScanComparison> {
    return this.#call("scan/compare", { scan_id: id });
  }

  // --- integrations and plugins ---

  async integrations(): Promise<readonly IntegrationInfo[]> {
    const answer = await this.#call<{ integrations: IntegrationInfo[] }>("integrations/list");
    return answer.integrations;
  }

  plugins(): Promise<Plugins> {
    return this.#call("plugins/list");
  }

  /** Load it anew, without disturbing others. */
  reloadPlugin(name: string): Promise<unknown> {
    return this.#call("plugins/reload", { name });
  }

  /** Let a plugin out of quarantine: it is tried again. */
  releasePlugin(name: string): Promise<unknown> {
    return this.#call("plugins/release", { name });
  }

  // --- the configuration file ---

  configStatus(): Promise<ConfigStatus> {
    return this.#call("config/status");
  }

  /** Read it again, and apply what has changed. */
  reloadConfig(): Promise<ConfigStatus> {
    return this.#call("config/reload");
  }

  // --- cameras ---

  /** Begin to move at that part of full speed; ends with `stopMoving`, or after some seconds. */
  move(camera: string, velocity: PtzVector): Promise<null> {
    return this.#call("ptz/move", { camera_id: camera, ...velocity });
  }

  stopMoving(camera: string): Promise<null> {
    return this.#call("ptz/stop", { camera_id: camera });
  }

  /** Move by that part of the range. */
  moveBy(camera: string, translation: PtzVector): Promise<null> {
    return this.#call("ptz/relative", { camera_id: camera, ...translation });
  }

  moveTo(camera: string, position: PtzVector): Promise<null> {
    return this.#call("ptz/absolute", { camera_id: camera, ...position });
  }

  moveHome(camera: string): Promise<null> {
    return this.#call("ptz/home", { camera_id: camera });
  }

  async presets(camera: string): Promise<readonly Preset[]> {
    return (await this.#call<{ presets: Preset[] }>("ptz/presets", { camera_id: camera })).presets;
  }

  goToPreset(camera: string, preset: string): Promise<null> {
    return this.#call("ptz/presets/go", { camera_id: camera, preset_id: preset });
  }

  /** Have the camera remember where it looks now. */
  createPreset(camera: string, name: string): Promise<unknown> {
    return this.#call("ptz/presets/create", { camera_id: camera, name });
  }

  deletePreset(camera: string, preset: string): Promise<null> {
    return this.#call("ptz/presets/delete", { camera_id: camera, preset_id: preset });
  }

  imaging(camera: string): Promise<Imaging> {
    return this.#call("imaging/get", { camera_id: camera });
  }

  setImaging(
    camera: string,
    change: { readonly day_night?: DayNight; readonly light?: boolean },
  ): Promise<Imaging> {
    return this.#call("imaging/set", { camera_id: camera, ...change });
  }

  reboot(camera: string): Promise<null> {
    return this.#call("cameras/reboot", { camera_id: camera });
  }

  #call<T>(type: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<T> {
    return this.#socket.call<T>(type, parameters);
  }
}
