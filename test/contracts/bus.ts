import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import {
  type ChangeViolation,
  queueChanges,
  ServiceBus,
  type ServiceBusArgs,
  subscriptionChanges,
  topicChanges,
} from "../../components/servicebus/index.js";
import { busStacks } from "../support/busStacks.js";
import { type Registered, run } from "../unit/support/mocks.js";
import { type Check, failed, passed } from "./checks.js";
import { judgeAzure } from "./judges.js";
import { namespaceChecks } from "./namespace.js";
import { asArmSeesIt } from "./preview.js";

/** What Azure and its provider say of a bus of each tier, and of what replaces an entity. */
export async function busChecks(contracts: string): Promise<Check[]> {
  const folder = mkdtempSync(join(tmpdir(), "stowage-bus-"));
  try {
    const checks: Check[] = [];
    for (const [kind, args] of Object.entries(busStacks)) checks.push(await judgeBus(contracts, folder, kind, args));
    return [...checks, ...replacements(contracts), ...namespaceChecks(contracts)];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Registers a bus as a deployment would, and has every resource of it judged. */
async function judgeBus(contracts: string, folder: string, kind: string, args: ServiceBusArgs): Promise<Check> {
  const { resources } = await run(() => new ServiceBus("bus", args), { preview: false });
  const urns = new Map(resources.map((each) => [`${each.type} ${each.name}`, each.urn]));
  const captured = resources.map(({ type, name, urn, inputs, dependsOn }: Registered) => ({
    ...{ type, name, urn, inputs },
    dependencies: dependsOn.map((other) => urns.get(other) ?? other),
  }));
  const file = join(folder, `${kind}.json`);
  writeFileSync(file, JSON.stringify(asArmSeesIt(captured)));
  return judgeAzure(contracts, `a bus with every setting (${kind})`, { file, resources });
}

const forceNew = z.object({ forceNew: z.record(z.string(), z.record(z.string(), z.string())) });

/** Names in Azure's paths: they are keys of maps here, and never settings. */
const PATH = new Set(["resourceGroupName", "namespaceName", "queueName", "topicName", "subscriptionName"]);

/** Settings that replace beside those that the provider knows, as the component says so itself. */
const OWN: { [type: string]: string[] } = { Subscription: ["requiresSession"] };

/** What the table of changes says when a setting is switched on. */
const tables: { [type: string]: (settings: object) => ChangeViolation[] } = {
  Queue: (settings) => queueChanges("q", {}, settings),
  Topic: (settings) => topicChanges("t", {}, settings),
  Subscription: (settings) => subscriptionChanges("t.s", {}, settings),
};

const switches = [
  ...["requiresSession", "requiresDuplicateDetection", "enablePartitioning"],
  ...["enableBatchedOperations", "enableExpress", "deadLetterOnExpiration", "supportOrdering"],
];

/** What the tables of changes call a replacement is what the provider replaces, setting by setting. */
function replacements(contracts: string): Check[] {
  const { forceNew: known } = forceNew.parse(
    JSON.parse(readFileSync(join(contracts, "arm", "data", "forcenew.json"), "utf8")),
  );
  return Object.entries(tables).map(([type, changes]) => {
    const name = `the table of changes of a ${type} replaces what azure-native replaces`;
    const settings = Object.keys(known[`servicebus:${type}`] ?? {}).filter((setting) => !PATH.has(setting));
    // A topic has no sessions: the provider's list is one for queues and topics.
    const expected = [...settings, ...(OWN[type] ?? [])].filter(
      (each) => type !== "Topic" || each !== "requiresSession",
    );
    const said = switches.filter((setting) =>
      changes({ [setting]: true }).some(({ reason }) => reason.includes(" is replaced: ")),
    );
    const wrong = [
      ...expected
        .filter((each) => !said.includes(each))
        .map((each) => `${each} replaces, and the table does not say so`),
      ...said
        .filter((each) => !expected.includes(each))
        .map((each) => `${each} does not replace, and the table says so`),
    ];
    if (settings.length === 0 && type !== "Subscription") return failed(name, `nothing is known of servicebus:${type}`);
    return wrong.length > 0 ? failed(name, ...wrong) : passed(name, `replaces: ${said.join(", ")}`);
  });
}
