/** The JSON of integrations, plugins and the configuration file. */

export interface IntegrationInfo {
  readonly domain: string;
  readonly name: string;
  readonly version: string;
  readonly plugin: string;
  readonly source: PluginSource;
  /** Whether it has fields that can be changed without asking the device anew. */
  readonly options: boolean;
}

export type PluginSource = "built-in" | "installed" | "folder";

/** Something a plugin did wrong while it ran. */
export interface PluginFault {
  /** Seconds since the epoch on the hub's clock. */
  readonly at: number;
  readonly what: string;
  readonly reason: string;
  /** In the plugin's code; "" and 0 if that is not known. */
  readonly file?: string;
  readonly line?: number;
}

export interface LoadedPlugin {
  readonly name: string;
  readonly source: PluginSource;
  readonly path: string;
  readonly domains: readonly string[];
  readonly faults: readonly PluginFault[];
  /** Whether it can be loaded anew while the hub runs. */
  readonly reloadable?: boolean;
  /** Tasks that its former version left behind. */
  readonly leaked?: number;
}

/** A plugin that is not used, and why. */
export interface QuarantinedPlugin {
  readonly name: string;
  readonly source: PluginSource;
  readonly stage: "import" | "hooks" | "registration" | "running";
  readonly reason: string;
  readonly file: string;
  readonly line: number;
  readonly at: number;
  readonly path?: string;
}

export interface Plugins {
  readonly plugins: readonly LoadedPlugin[];
  readonly quarantined: readonly QuarantinedPlugin[];
}

export interface ConfigStatus {
  /** Why the file is not in use as it stands; the last good one is. */
  readonly problems: readonly string[];
  /** What has changed in it and holds only after a restart. */
  readonly restart_needed: readonly string[];
}

export interface ConfigEvent extends ConfigStatus {
  readonly kind: "configuration";
}
