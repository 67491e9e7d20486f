import type { Flow, FlowsEvent } from "./flow_types.ts";

/** How many flows that have ended are remembered, for who still looks at them. */
const REMEMBERED = 20;

/** Whether the flow shows its last page. */
export function ended(flow: Flow): boolean {
  return flow.page.kind === "done" || flow.page.kind === "abort";
}

/** Flows by id after `event`; the same object, and the same flows in it, when nothing changed. */
export function appliedFlows(
  flows: ReadonlyMap<string, Flow>,
  event: FlowsEvent,
): ReadonlyMap<string, Flow> {
  if (event.kind === "flow") return withFlow(flows, event.flow);
  if (event.kind !== "snapshot") return flows;
  let next: ReadonlyMap<string, Flow> = new Map(
    [...flows].filter(([id, flow]) => ended(flow) || event.flows.some((one) => one.id === id)),
  );
  for (const flow of event.flows) next = withFlow(next, flow);
  return next;
}

function withFlow(flows: ReadonlyMap<string, Flow>, flow: Flow): ReadonlyMap<string, Flow> {
  const before = flows.get(flow.id);
  // Answers and events tell the same twice: who is filling in a form must not notice.
  if (before && same(before, flow)) return flows;
  const page = before && same(before.page, flow.page) ? before.page : flow.page;
  const next = new Map(flows).set(flow.id, { ...flow, page });
  const over = [...next.values()].filter(ended).slice(0, -REMEMBERED);
  for (const one of over) next.delete(one.id);
  return next;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
