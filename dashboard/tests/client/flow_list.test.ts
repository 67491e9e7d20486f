import { expect, test } from "vitest";

import { appliedFlows, type Flow, type FlowPage } from "../../src/client/index.ts";
import { flow, form } from "../app/flows.ts";

const DONE: FlowPage = { kind: "done", entry_id: "front", text: "added" };
const NONE: ReadonlyMap<string, Flow> = new Map();

test("a snapshot replaces the flows, but not those that have ended", () => {
  let flows = appliedFlows(NONE, {
    kind: "snapshot",
    flows: [flow({ id: "a" }), flow({ id: "b" })],
  });
  flows = appliedFlows(flows, { kind: "flow", flow: flow({ id: "b", page: DONE }) });
  flows = appliedFlows(flows, { kind: "snapshot", flows: [flow({ id: "c" })] });
  expect([...flows.keys()].sort()).toEqual(["b", "c"]);
});

test("what is told twice is the same flow, so that a form being filled in stays", () => {
  const flows = appliedFlows(NONE, { kind: "flow", flow: flow() });
  expect(appliedFlows(flows, { kind: "flow", flow: flow() })).toBe(flows);
  const again = appliedFlows(flows, { kind: "snapshot", flows: [flow()] });
  expect(again.get("f1")).toBe(flows.get("f1"));
  const later = appliedFlows(flows, { kind: "flow", flow: flow({ expires: 1_700_001_000 }) });
  expect(later.get("f1")?.expires).toBe(1_700_001_000);
  expect(later.get("f1")?.page).toBe(flows.get("f1")?.page);
  const other = appliedFlows(flows, {
    kind: "flow",
    flow: flow({ page: form({ step: "confirm" }) }),
  });
  expect(other.get("f1")?.page).toMatchObject({ step: "confirm" });
});

test("only the last flows that ended are remembered", () => {
  let flows = appliedFlows(NONE, { kind: "flow", flow: flow({ id: "open" }) });
  for (let count = 0; count < 50; count++) {
    flows = appliedFlows(flows, { kind: "flow", flow: flow({ id: `f${count}`, page: DONE }) });
  }
  expect(flows.size).toBe(21);
  expect(flows.has("open")).toBe(true);
  expect(flows.has("f49")).toBe(true);
});
