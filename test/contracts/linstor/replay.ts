import { join } from "node:path";
import { createLinstorStandIn } from "../../../stacks/local/linstor/index.js";
import { type Answered, compare } from "./compare.js";
import { type Exchange, exchangesOf } from "./exchange.js";
import type { ReplayPlan } from "./plan.js";

/** Time limit of one request, in milliseconds. */
const LIMIT_MS = 10_000;

export interface ReplayedExchange {
  name: string;
  outcome: "agrees" | "differs" | "deviates" | "outOfScope";
  /** What differs, or why it is left out. */
  notes: string[];
  sameOrder: boolean;
}

/** Replays a folder against a stand-in of its own, over HTTP, in the order of the recording. */
export async function replay(root: string, plan: ReplayPlan): Promise<ReplayedExchange[]> {
  const standIn = createLinstorStandIn({ nodes: [] });
  await standIn.listen();
  try {
    const done: ReplayedExchange[] = [];
    const exchanges = exchangesOf(join(root, "linstor", "exchanges", plan.folder));
    for (const exchange of exchanges) {
      plan.before[exchange.name]?.happen(standIn);
      done.push(await replayOne(standIn.url, plan, exchange));
    }
    done.push(...stale(plan, exchanges));
    return done;
  } finally {
    await standIn.close();
  }
}

async function replayOne(url: string, plan: ReplayPlan, exchange: Exchange): Promise<ReplayedExchange> {
  const { name } = exchange;
  const why = plan.outOfScope[name];
  if (why !== undefined) return { name, outcome: "outOfScope", notes: [why], sameOrder: false };
  const { differences, sameOrder } = compare(exchange, await send(url, exchange));
  const deviation = plan.deviations[name];
  if (deviation === undefined)
    return { name, outcome: differences.length === 0 ? "agrees" : "differs", notes: differences, sameOrder };
  if (differences.length > 0) return { name, outcome: "deviates", notes: [deviation], sameOrder };
  return { name, outcome: "differs", notes: ["is listed as a deviation, and agrees: remove it there"], sameOrder };
}

/** Names of the plan that are not among the exchanges: such an entry would hide nothing, or the wrong thing. */
function stale(plan: ReplayPlan, exchanges: Exchange[]): ReplayedExchange[] {
  const known = new Set(exchanges.map((e) => e.name));
  return [plan.before, plan.outOfScope, plan.deviations]
    .flatMap((table) => Object.keys(table))
    .filter((name) => !known.has(name))
    .map((name) => ({ name, outcome: "differs", notes: ["no exchange has this name"], sameOrder: false }));
}

async function send(url: string, { method, path, body }: Exchange): Promise<Answered> {
  const init = body === undefined ? {} : { body, headers: { "Content-Type": "application/json" } };
  try {
    const response = await fetch(`${url}${path}`, { method, ...init, signal: AbortSignal.timeout(LIMIT_MS) });
    return { status: response.status, text: await response.text() };
  } catch {
    return { status: null, text: "" };
  }
}
