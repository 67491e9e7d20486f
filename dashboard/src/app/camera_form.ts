/** Between what a person fills in and what the hub takes. Pure. */

import type { ApiError, Camera, CameraMapping } from "../client/index.ts";
import { sentence, words } from "../i18n/index.ts";

export interface CameraForm {
  /** An RTSP address, or a host with or without a port. */
  readonly address: string;
  readonly name: string;
  readonly username: string;
  readonly password: string;
  /** RTSP address of a smaller stream. */
  readonly sub: string;
  readonly preload: boolean;
}

/** `host:port`, where the host is a name, an IPv4 address, or an IPv6 address in brackets. */
const HOST_AND_PORT = /^(\[[^\]]+\]|[^:/]+):(\d{1,5})$/;

/**
 * The host of an address, for a camera that was given no name. People type passwords with "/" and
 * "@" into addresses as they are; no part of one may end up in the name.
 */
function hostOf(address: string): string {
  const rest = address.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "");
  const authority = rest.split("/")[0] ?? rest;
  const after = authority.includes("@") ? authority : rest;
  const host = after.slice(after.lastIndexOf("@") + 1).split("/")[0] ?? "";
  return HOST_AND_PORT.exec(host)?.[1] ?? host;
}

/** The mapping of an RTSP camera, as an item of `cameras:` in the configuration file. */
export function cameraMapping(form: CameraForm): CameraMapping {
  const address = form.address.trim();
  const mapping: Record<string, unknown> = {
    integration: "rtsp",
    name: form.name.trim() || hostOf(address),
  };
  const sub = form.sub.trim();
  if (address.includes("://")) {
    mapping["url"] = address;
  } else {
    const parts = HOST_AND_PORT.exec(address);
    mapping["host"] = parts ? parts[1] : address;
    if (parts) mapping["port"] = Number(parts[2]);
  }
  if (sub) mapping["urls"] = [{ role: "sub", url: sub }];
  if (form.username) mapping["username"] = form.username;
  if (form.password) mapping["password"] = form.password;
  if (form.preload) mapping["preload"] = true;
  return mapping as CameraMapping;
}

/** What a camera's mapping becomes when only its password changes. */
export function withPassword(camera: Camera, username: string, password: string): CameraMapping {
  return {
    ...camera.config,
    name: camera.name,
    integration: camera.integration,
    ...(username ? { username } : {}),
    password,
  };
}

/** Errors by form field; what belongs to no field is under `form`. */
export function fieldErrors(error: ApiError): Readonly<Record<string, string>> {
  const errors: Record<string, string> = {};
  for (const { key, message, suggestion } of error.fields) {
    const field = fieldOf(key);
    const exact = field === "form" ? `${key}: ${message}` : message;
    const text = suggestion ? `${exact} ${words.suggestion(suggestion)}` : exact;
    errors[field] = errors[field] ? `${errors[field]} ${text}` : text;
  }
  if (Object.keys(errors).length === 0) errors["form"] = sentence(error);
  return errors;
}

function fieldOf(key: string): string {
  if (/^(name|id)$/.test(key)) return "name";
  if (/^(username|password|preload)$/.test(key)) return key;
  if (/^urls/.test(key)) return "sub";
  if (/^(url|host|port)/.test(key)) return "address";
  return "form";
}
