import { expect, test } from "vitest";

import {
  besideTitle, confidenceText, deviceTitle, offered, sourceName,
} from "../../src/app/device_words.ts";
import { device } from "./found.ts";

test("a device is called by brand and model, else by its name, else by its address", () => {
  const nothing = { manufacturer: null, model: null, name: null };
  expect(deviceTitle(device({ manufacturer: "Acme", model: "A1", name: "Hall" }))).toBe("Acme A1");
  expect(deviceTitle(device({ manufacturer: "Acme", model: null, name: "Hall" }))).toBe("Acme");
  expect(deviceTitle(device({ ...nothing, model: "A1", name: "Hall" }))).toBe("Hall");
  expect(deviceTitle(device({ ...nothing, model: "A1" }))).toBe("A1");
  expect(deviceTitle(device({ ...nothing, host: "192.0.2.44" }))).toBe("192.0.2.44");
});

test("a brand that the model says too is said once", () => {
  expect(deviceTitle(device({ manufacturer: "Acme", model: "ACME A1" }))).toBe("ACME A1");
});

test("model and name are told beside the title unless they say the same", () => {
  const acme = { manufacturer: "Acme", model: "A1" };
  expect(besideTitle(device({ ...acme, name: "Hall" }))).toEqual(["Hall"]);
  expect(besideTitle(device({ ...acme, name: "ACME A1 - 0001" }))).toEqual([]);
  expect(besideTitle(device({ manufacturer: null, model: "A1", name: "Hall" }))).toEqual(["A1"]);
  expect(besideTitle(device({ manufacturer: null, model: null, name: "Hall" }))).toEqual([]);
});

test("how sure it is and by which protocol is said in words", () => {
  expect([0.95, 0.7, 0.3].map(confidenceText)).toEqual(["certain", "likely", "possible"]);
  expect(["ws-discovery", "scan", "xyz"].map(sourceName)).toEqual([
    "WS-Discovery",
    "Network scan",
    "XYZ",
  ]);
});

test("what is offered is what is new: those that are there first, the newest first", () => {
  const devices = [
    device({ id: "old", first_seen: 1 }),
    device({ id: "gone", first_seen: 9, present: false }),
    device({ id: "young", first_seen: 5 }),
    device({ id: "ignored", state: "ignored" }),
    device({ id: "mine", state: "configured" }),
  ];
  expect(offered(devices).map(({ id }) => id)).toEqual(["young", "old", "gone"]);
});
