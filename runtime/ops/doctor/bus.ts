import { errorText } from "../../bus/errors.js";
import { DelayedRetry, type Pipeline, StowageError } from "../../contract/index.js";
import { Browser } from "../browse.js";
import type { Namespace } from "../connect.js";
import { type EntityFacts, type Learnt, learn } from "../entityFacts.js";
import { checkListenRight, checkSendRight } from "../rights.js";
import { pathOf, receiverOf, type Target } from "../target.js";
import { type Finding, fail, ok, warn } from "./finding.js";

/** A token with less than this left, in seconds, is about to be renewed; the clients do it two minutes before its end. */
const TOKEN_LEFT_SECONDS = 120;

/** Whether there is an identity, and a token for it. */
export async function tokenFinding({ token }: Namespace, now: () => number): Promise<Finding> {
  if (token === undefined)
    return warn("token", "no identity is used here", "Never in Azure: there the namespace is used with an identity.");
  try {
    const { expiresAt, objectId } = await token();
    const seconds = Math.round((expiresAt - now()) / 1_000);
    const who = objectId === undefined ? "" : ` of object id ${objectId}`;
    const detail = `a token${who} for Service Bus, for ${Math.round(seconds / 60)} more minutes`;
    return seconds > TOKEN_LEFT_SECONDS
      ? ok("token", detail)
      : warn("token", detail, "Its end is near, or this machine's clock is ahead: look at the line about the clock.");
  } catch (error) {
    return fail(
      "token",
      `no token: ${errorText(error).split("\n", 1)[0] ?? ""}`,
      "On a machine of yours: az login. In a pod: the label azure.workload.identity/use on the pod, the client id on its " +
        "service account, and a federated credential for exactly that service account and issuer.",
    );
  }
}

/** Rights, tried one by one: to receive from the source, and to send wherever the pipeline sends. */
export async function* rightFindings(
  namespace: Namespace,
  target: Target,
  pipeline: Pipeline | undefined,
): AsyncGenerator<Finding> {
  const receiver = receiverOf(namespace.client, target, false);
  yield await tried("listen", `may receive from ${pathOf(target)}`, () =>
    checkListenRight(new Browser(receiver), target, false),
  );
  await receiver.close().catch(() => undefined);
  if (pipeline === undefined) return;
  const { delivery, replyQueues, source } = pipeline;
  const scheduled = delivery.delayedRetry === DelayedRetry.Schedule && source.queue !== undefined ? [source.queue] : [];
  for (const queue of new Set([...replyQueues, ...scheduled]))
    yield await tried("send", `may send to ${queue}`, () => checkSendRight(namespace.client, { queue }));
}

/** What to do where the error itself does not say. */
const FIXES: { readonly [code: string]: string } = {
  EntityMissing: "Create it, or correct its name.",
  BusUnreachable: "Look at the lines above, then at the namespace's firewall, and whether the entity is disabled.",
};

async function tried(check: string, detail: string, run: () => Promise<unknown>): Promise<Finding> {
  try {
    await run();
    return ok(check, detail);
  } catch (error) {
    if (!(error instanceof StowageError)) throw error;
    // The sentence that says what to do is a line of its own here, and nothing was to be touched.
    const [what = "", fix = ""] = error.message.split(/ Nothing was touched\.\s*/);
    return fail(check, what, fix === "" ? (FIXES[error.code] ?? "Look at the lines above.") : fix);
  }
}

/** The entity as it is, against what the pipeline says of it. */
export async function* entityFindings(
  namespace: Namespace,
  target: Target,
  pipeline: Pipeline | undefined,
  learned: (facts: EntityFacts) => void,
): AsyncGenerator<Finding> {
  const learnt: Learnt = await learn(namespace.admin, target);
  if (!("facts" in learnt)) {
    const detail = `the settings of ${pathOf(target)} cannot be seen: ${learnt.unseen}`;
    yield learnt.missing
      ? fail("entity", detail, "Create it, or correct its name.")
      : warn("entity", detail, "Run this once as somebody who may manage it; the pipeline is trusted until then.");
    return;
  }
  const { facts } = learnt;
  learned(facts);
  yield facts.status === "Active"
    ? ok("entity", `${pathOf(target)} is active; ${countsText(facts)}`)
    : fail(
        "entity",
        `${pathOf(target)} is ${facts.status}; ${countsText(facts)}`,
        "Enable it in the portal, or in the stack.",
      );
  if (pipeline !== undefined) yield* settingFindings(facts, pipeline.source);
}

function countsText({ counts: { active, deadLetter, scheduled } }: EntityFacts): string {
  return `${active} active, ${scheduled} scheduled, ${deadLetter} dead letters`;
}

/** What differs from the pipeline, and what that does. */
export function* settingFindings(facts: EntityFacts, source: Pipeline["source"]): Generator<Finding> {
  const deploy = "Deploy the stack again: it renders pipeline and entity from one object.";
  const rows = [
    ["sessions", facts.sessions, source.sessions, fail, "a worker attaches in another way, and gets nothing"],
    [
      "duplicateDetection",
      facts.duplicateDetection,
      source.duplicateDetection,
      fail,
      "copies would be dropped, or doubled",
    ],
    ["maxDeliveryCount", facts.maxDeliveryCount, source.maxDeliveryCount, warn, "the last delivery is mistaken"],
    [
      "lockDurationSeconds",
      facts.lockDurationSeconds,
      source.lockDurationSeconds,
      warn,
      "warnings and time limits are off",
    ],
  ] as const;
  const different = rows.filter(([, found, said]) => found !== said);
  if (different.length === 0)
    yield ok(
      "settings",
      `as the pipeline says: lock ${facts.lockDurationSeconds} s, ${facts.maxDeliveryCount} deliveries, ` +
        `${facts.sessions ? "sessions" : "no sessions"}, ${facts.duplicateDetection ? "" : "no "}duplicate detection`,
    );
  for (const [name, found, said, judge, effect] of different)
    yield judge("settings", `${name} is ${found} and the pipeline says ${said}: ${effect}`, deploy);
}
