import { describe, expect, it } from "vitest";
import { StowageError } from "../../../runtime/contract/index.js";
import type { Namespace } from "../../../runtime/ops/connect.js";
import { deadLetterBrowser } from "../../../runtime/ops/deadletters/index.js";
import { rightFindings } from "../../../runtime/ops/doctor/bus.js";
import { learn } from "../../../runtime/ops/entityFacts.js";
import { checkListenRight, checkSendRight } from "../../../runtime/ops/rights.js";
import { AccessRight } from "../../../stacks/local/broker/index.js";
import { type GuardedAdmin, startGuardedAdmin } from "../broker-admin/kit.js";
import { pipelineOf } from "../bus/fakes.js";

const ORDERS = { queue: "orders" };

/** The namespace as one identity reaches it. */
function as(who: string, { host, client, as: admin }: GuardedAdmin): Namespace {
  const token = async () => ({ expiresAt: Date.now() + 3_600_000, objectId: who });
  return { host, client: client(who), admin: admin(who), token, tls: true, close: async () => undefined };
}

async function refused(promise: Promise<unknown>): Promise<StowageError> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (error instanceof StowageError) return error;
  throw new Error(`It was not refused: ${String(error)}`);
}

describe("rights are tried before anything is touched", () => {
  it.each([
    [[AccessRight.Listen], "ok", "RightMissing"],
    [[AccessRight.Send], "RightMissing", "ok"],
    [[AccessRight.Listen, AccessRight.Send], "ok", "ok"],
    [[], "RightMissing", "RightMissing"],
  ])("with %j to receive is %s and to send is %s", async (rights, listen, send) => {
    const guarded = await startGuardedAdmin();
    guarded.directory.grant("ops", "orders", ...rights);
    const namespace = as("ops", guarded);
    const outcome = async (promise: Promise<unknown>) =>
      promise.then(
        () => "ok",
        (e: StowageError) => e.code,
      );
    expect(await outcome(checkListenRight(deadLetterBrowser(namespace, ORDERS), ORDERS, true))).toBe(listen);
    expect(await outcome(checkSendRight(namespace.client, ORDERS))).toBe(send);
  });

  it("and the refusal says which role is missing where", async () => {
    const guarded = await startGuardedAdmin();
    const { message } = await refused(checkSendRight(as("ops", guarded).client, ORDERS));
    expect(message).toContain("may not send to orders");
    expect(message).toContain("Give it Azure Service Bus Data Sender on orders");
  });

  it("each by itself, as the doctor shows them", async () => {
    const guarded = await startGuardedAdmin();
    guarded.broker.putQueue("answers");
    guarded.directory.grant("worker", "orders", AccessRight.Listen);
    const pipeline = pipelineOf((p) => {
      p.replyQueues = ["answers"];
    });
    const found = [];
    for await (const { check, status, fix } of rightFindings(as("worker", guarded), ORDERS, pipeline))
      found.push([check, status, fix]);
    expect(found).toEqual([
      ["listen", "ok", undefined],
      ["send", "fail", expect.stringContaining("Azure Service Bus Data Sender on answers")],
    ]);
  });
});

describe("an entity's settings", () => {
  it("are seen by who may manage it, and by nobody else", async () => {
    const guarded = await startGuardedAdmin();
    guarded.broker.putQueue("orders", {
      lockDurationSeconds: 90,
      maxDeliveryCount: 7,
      requiresDuplicateDetection: false,
    });
    guarded.directory.grant("owner", "orders", AccessRight.Manage);
    guarded.directory.grant("worker", "orders", AccessRight.Listen);
    expect(await learn(as("owner", guarded).admin, ORDERS)).toMatchObject({
      facts: {
        lockDurationSeconds: 90,
        maxDeliveryCount: 7,
        sessions: false,
        duplicateDetection: false,
        status: "Active",
      },
    });
    expect(await learn(as("worker", guarded).admin, ORDERS)).toEqual({
      unseen: "the identity may not manage it (Azure Service Bus Data Owner on the entity)",
      missing: false,
    });
  });

  it("of a subscription are its own and its topic's", async () => {
    const guarded = await startGuardedAdmin();
    guarded.broker.putTopic("news", { requiresDuplicateDetection: true });
    guarded.broker.putSubscription("news", "audit", { lockDurationSeconds: 15 });
    guarded.directory.grant("owner", "", AccessRight.Manage);
    expect(await learn(as("owner", guarded).admin, { topic: "news", subscription: "audit" })).toMatchObject({
      facts: { lockDurationSeconds: 15, duplicateDetection: true },
    });
    expect(await learn(as("owner", guarded).admin, { queue: "missing" })).toMatchObject({ missing: true });
  });
});
