import { expect, test } from "vitest";

import { cameraMapping, fieldErrors, withPassword } from "../../src/app/camera_form.ts";
import { ApiError } from "../../src/client/index.ts";
import { camera } from "./cameras.ts";

const FORM = { address: "", name: "", username: "", password: "", sub: "", preload: false };

test("an address becomes a URL, and only what was filled in is sent", () => {
  expect(cameraMapping({ ...FORM, address: " rtsp://192.0.2.10:554/stream1 ", name: "Yard" })).toEqual(
    { integration: "rtsp", name: "Yard", url: "rtsp://192.0.2.10:554/stream1" },
  );
});

test("a host alone is sent as a host, with its port apart", () => {
  expect(cameraMapping({ ...FORM, address: "camera.lan" })).toEqual({
    integration: "rtsp",
    name: "camera.lan",
    host: "camera.lan",
  });
  expect(cameraMapping({ ...FORM, address: "192.0.2.10:8554" })).toMatchObject({
    host: "192.0.2.10",
    port: 8554,
    name: "192.0.2.10",
  });
  expect(cameraMapping({ ...FORM, address: "2001:db8::1" })).toMatchObject({ host: "2001:db8::1" });
});

test("a camera without a name is named by its host, never by its password", () => {
  for (const address of [
    "rtsp://ana:s3c@ret@192.0.2.10:554/a@b",
    "rtsp://ana:s3/c:ret@192.0.2.10/main",
    "rtsp://192.0.2.10/main",
    "ana:s3cret@192.0.2.10",
  ]) {
    expect(cameraMapping({ ...FORM, address }).name).toBe("192.0.2.10");
  }
});

test("a second stream goes with an address and with a host alike", () => {
  const sub = "rtsp://192.0.2.10/sub";
  const urls = [{ role: "sub", url: sub }];
  const url = "rtsp://192.0.2.10/main";
  expect(cameraMapping({ ...FORM, address: url, sub })).toMatchObject({ url, urls });
  expect(cameraMapping({ ...FORM, address: "camera.lan", sub })).toMatchObject({
    host: "camera.lan",
    urls,
  });
});

test("credentials are sent exactly as they were typed", () => {
  const mapping = cameraMapping({
    ...FORM,
    address: "camera.lan",
    username: "ana",
    password: " p@ss/w:rd ",
    preload: true,
  });
  expect(mapping).toMatchObject({ username: "ana", password: " p@ss/w:rd ", preload: true });
});

test("a new password keeps the rest of the configuration", () => {
  expect(withPassword(camera(), "viewer", "new")).toEqual({
    id: "front",
    name: "Front door",
    integration: "rtsp",
    url: "rtsp://192.0.2.1/",
    username: "viewer",
    password: "new",
  });
});

test("errors are shown beside the field they belong to, with the suggestion", () => {
  const error = new ApiError("Not valid", "VALIDATION_ERROR", 400, {
    errors: [
      { key: "url", message: "no such scheme", suggestion: "rtsp" },
      { key: "urls[0].url", message: "expected text", suggestion: null },
      { key: "name", message: "too long", suggestion: null },
      { key: "colour", message: "unknown key", suggestion: null },
    ],
  });
  const errors = fieldErrors(error);
  expect(errors["address"]).toMatch(/no such scheme .*rtsp/);
  expect(errors["name"]).toBe("too long");
  expect(errors["sub"]).toBe("expected text");
  expect(errors["form"]).toBe("colour: unknown key");
});

test("an error without fields is shown for the whole form", () => {
  const error = new ApiError("It is configured already.", "ALREADY_CONFIGURED", 409);
  expect(fieldErrors(error)).toEqual({ form: "It is configured already." });
});
