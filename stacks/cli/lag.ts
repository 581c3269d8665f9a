import { ExitCode } from "../../runtime/contract/index.js";
import { Browser } from "../../runtime/ops/browse.js";
import { pause, systemClock } from "../../runtime/ops/clock.js";
import type { Namespace } from "../../runtime/ops/connect.js";
import { type Counted, type Lag, lagOf } from "../../runtime/ops/lag.js";
import { checkListenRight } from "../../runtime/ops/rights.js";
import { receiverOf, type Target } from "../../runtime/ops/target.js";
import { entityOf, loginOf, withNamespace } from "./bus.js";
import type { LagOptions } from "./commands/lag.js";
import { ageText } from "./dlq.js";
import { stopping } from "./stopping.js";

/** Says how far behind entities are, once or again and again. */
export async function lag(options: LagOptions): Promise<ExitCode> {
  const { entity, watch, look, json, ...rest } = options;
  const targets = (entity ?? [undefined]).map(
    (path) => entityOf(path === undefined ? rest : { ...rest, entity: path }).target,
  );
  const signal = stopping();
  return withNamespace(loginOf(options), async (namespace) => {
    const looked = targets.map((target) => ({ target, browsers: browsersOf(namespace, target) }));
    for (const { target, browsers } of looked) await checkListenRight(browsers.waiting, target, false);
    if (json !== true) process.stdout.write(`${HEAD}\n`);
    const said = new Set<string>();
    do {
      for (const { target, browsers } of looked) {
        const found = await lagOf({ namespace, target, browsers, look, signal, now: Date.now });
        if (signal.aborted) break;
        process.stdout.write(json === true ? `${JSON.stringify(found)}\n` : `${row(found)}\n`);
        if (found.unseen !== undefined && !said.has(found.entity)) {
          said.add(found.entity);
          process.stderr.write(`${found.entity}: counted by looking, up to ${look}: ${found.unseen}.\n`);
        }
      }
      if (watch !== undefined) await pause(systemClock, watch * 1_000, signal);
    } while (watch !== undefined && !signal.aborted);
    // A watch that was ended has done what it was asked for.
    return signal.aborted && watch === undefined ? ExitCode.Interrupted : ExitCode.Ok;
  });
}

function browsersOf(namespace: Namespace, target: Target): { waiting: Browser; deadLetters: Browser } {
  return {
    waiting: new Browser(receiverOf(namespace.client, target, false)),
    deadLetters: new Browser(receiverOf(namespace.client, target, true)),
  };
}

const COLUMNS = ["active", "oldest", "scheduled", "deferred", "dead", "oldest dead"] as const;
/** Characters of a column. */
const WIDTH = 13;
const HEAD = [...COLUMNS.map((name) => name.padStart(WIDTH)), "  entity"].join("");

function row({
  active,
  scheduled,
  deferred,
  deadLetters,
  oldestSeconds,
  oldestDeadLetterSeconds,
  entity,
}: Lag): string {
  const cells = [
    number(active),
    since(oldestSeconds),
    number(scheduled),
    number(deferred),
    number(deadLetters),
    since(oldestDeadLetterSeconds),
  ];
  return [...cells.map((cell) => cell.padStart(WIDTH)), `  ${entity}`].join("");
}

function number({ count, atLeast }: Counted): string {
  return `${count}${atLeast ? "+" : ""}`;
}

function since(seconds: number | undefined): string {
  return seconds === undefined ? "-" : ageText(seconds * 1_000);
}
