import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { ROUTES } from "../../../stacks/local/linstor/routes.js";
import { type Check, failed, leftOut, passed } from "../checks.js";
import { REPLAYS } from "./plan.js";
import { type ReplayedExchange, replay } from "./replay.js";

/** Answered by the controller and not in its description. */
const UNDESCRIBED = new Set(["GET /health"]);

const description = z.object({ paths: z.record(z.string(), z.record(z.string(), z.unknown())) });

/** Replays every folder, and holds the stand-in's operations against LINSTOR's own description. */
export async function linstorChecks(contracts: string): Promise<Check[]> {
  const checks: Check[] = [describedRoutes(contracts)];
  for (const plan of REPLAYS) {
    const replayed = await replay(contracts, plan);
    checks.push(...replayed.map((exchange) => checkOf(plan.folder, exchange)));
    checks.push(summary(plan.folder, replayed));
  }
  return checks;
}

function checkOf(folder: string, { name, outcome, notes, sameOrder }: ReplayedExchange): Check {
  const what = `LINSTOR ${folder}/${name}`;
  switch (outcome) {
    case "agrees":
      return passed(sameOrder ? what : `${what} (satellites answered in another order)`);
    case "deviates":
      return passed(`${what} deviates`, ...notes);
    case "outOfScope":
      return leftOut(what, `the stand-in does not have this operation: ${notes.join("; ")}`);
    case "differs":
      return failed(what, ...notes);
  }
}

/** The counts, and a guard: a folder that is mostly left out proves nothing. */
function summary(folder: string, replayed: readonly ReplayedExchange[]): Check {
  const count = (outcome: ReplayedExchange["outcome"]) => replayed.filter((r) => r.outcome === outcome).length;
  const [agrees, deviates, left] = [count("agrees"), count("deviates"), count("outOfScope")];
  const name =
    `LINSTOR ${folder}: of ${replayed.length} exchanges ${agrees} agree, ${deviates} deviate, ` +
    `${left} are of operations that the stand-in does not have`;
  return agrees >= 0.9 * replayed.length ? passed(name) : failed(name, "less than nine in ten agree");
}

/** Every operation of the stand-in is one of LINSTOR's. */
function describedRoutes(contracts: string): Check {
  const text = readFileSync(join(contracts, "linstor", "rest_v1_openapi-1.27.0.yaml"), "utf8");
  const { paths } = description.parse(parse(text));
  const plain = (path: string) => path.replace(/\{[^}]*\}/g, "{}");
  const known = new Set(
    Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${plain(path)}`),
    ),
  );
  const operations = ROUTES.map((route) => `${route.method} ${plain(route.path)}`).filter((o) => !UNDESCRIBED.has(o));
  const strange = operations.filter((operation) => !known.has(operation));
  const name = `LINSTOR's description has all ${operations.length} operations of the stand-in`;
  return strange.length === 0 ? passed(name) : failed(name, ...strange);
}
