import { expect, test } from "vitest";

import { byAddress, ownRanges } from "../../src/app/scan_words.ts";
import { result } from "./found.ts";

function own(address: string, network: string): string {
  return ownRanges([{ name: "eth0", address, network }]);
}

test("the own networks are proposed, of very wide ones what is near", () => {
  expect(own("192.0.2.7", "192.0.2.0/24")).toBe("192.0.2.0/24");
  expect(own("192.0.2.7", "192.0.0.0/20")).toBe("192.0.0.0/20");
  expect(own("10.1.2.3", "10.0.0.0/8")).toBe("10.1.2.0/24");
});

test("networks are proposed once each, and none of IPv6", () => {
  const named = { name: "eth0" };
  expect(
    ownRanges([
      { ...named, address: "192.0.2.7", network: "192.0.2.0/24" },
      { ...named, address: "192.0.2.8", network: "192.0.2.0/24" },
      { ...named, address: "fe80::1", network: "fe80::/64" },
      { ...named, address: "198.51.100.2", network: "198.51.100.0/25" },
    ]),
  ).toBe("192.0.2.0/24, 198.51.100.0/25");
});

test("addresses are sorted by number", () => {
  const hosts = ["192.0.2.44", "192.0.2.5", "192.0.10.1"].map((host) => result({ host }));
  expect(byAddress(hosts).map(({ host }) => host)).toEqual([
    "192.0.2.5",
    "192.0.2.44",
    "192.0.10.1",
  ]);
});
