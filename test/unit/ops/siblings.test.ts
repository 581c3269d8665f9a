import { describe, expect, it } from "vitest";
import { StowageError } from "../../../runtime/contract/index.js";
import { dryReplay, REPLAY_FOR_PROPERTY, replay } from "../../../runtime/ops/deadletters/index.js";
import { OpsKit } from "./kit.js";

const BLUE = { topic: "events", subscription: "blue" };

/** The topic `events`, its subscription `blue`, and a sibling with the rule. */
async function topic(rule: string | undefined): Promise<OpsKit> {
  const kit = await OpsKit.open();
  kit.broker.putTopic("events", {});
  kit.broker.putSubscription("events", "blue", { lockDurationSeconds: 60 });
  kit.broker.putSubscription("events", "all", { lockDurationSeconds: 60 });
  if (rule !== undefined) kit.broker.putRule("events", "all", "$Default", { kind: "sql", expression: rule });
  await kit.deadLetter(BLUE, [{ messageId: "m", body: 1, applicationProperties: { color: "blue", size: 5 } }]);
  // What the siblings got of the message itself is not the question.
  const all = kit.client().createReceiver("events", "all", { receiveMode: "receiveAndDelete" });
  await all.receiveMessages(10, { maxWaitTimeInMs: 300 });
  await all.close();
  return kit;
}

/** The code that it is refused with. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "not refused",
    (error: unknown) => (error instanceof StowageError ? error.code : String(error)),
  );
}

describe("a replay on a subscription", () => {
  it.each([
    ["color = 'red'"],
    ["size > 5"],
    ["color = 'blue' AND ([stowage-replay-for] IS NULL OR [stowage-replay-for] = 'all')"],
  ])("reaches it alone where a sibling takes only: %s", async (rule) => {
    const kit = await topic(rule);
    expect(await replay(await kit.run(BLUE))).toMatchObject({ done: 1, kept: 0 });
    const [copy] = await kit.content("events/subscriptions/blue");
    expect(copy?.applicationProperties).toMatchObject({ color: "blue", [REPLAY_FOR_PROPERTY]: "blue" });
    expect(await kit.content("events/subscriptions/all")).toEqual([]);
    expect(await kit.content("events/subscriptions/blue", true)).toEqual([]);
  });

  it.each<[string | undefined, string]>([
    [undefined, "takes everything"],
    ["size >= 5", "takes this message"],
    ["size > 'five'", "cannot be computed for it"],
    ["sys.Size > 10", "asks for what only the service knows"],
  ])("sends nothing where the rule of a sibling, %s, %s, and says what to add", async (rule) => {
    const kit = await topic(rule);
    const run = await kit.run(BLUE);
    const expected = [{ code: "WouldReachOthers", messageId: "m" }];
    const dry = await dryReplay(run, run.browser);
    expect(dry).toMatchObject(expected);
    expect(dry[0]?.description).toContain("AND ([stowage-replay-for] IS NULL OR [stowage-replay-for] = 'all')");
    expect(await replay(run)).toMatchObject({ done: 0, kept: 1, keptFirst: expected });
    expect(await kit.content("events/subscriptions/blue", true)).toHaveLength(1);
    expect(await kit.content("events/subscriptions/blue")).toEqual([]);
    expect(await kit.content("events/subscriptions/all")).toEqual([]);
  });

  it("sees a correlation rule as the service does", async () => {
    const kit = await topic("1=0");
    kit.broker.putRule("events", "all", "five", { kind: "correlation", properties: { size: 5 } });
    expect(await replay(await kit.run(BLUE))).toMatchObject({ kept: 1, keptFirst: [{ code: "WouldReachOthers" }] });
  });

  it("sends nothing that its own rules would not take any more: it would be gone", async () => {
    const kit = await topic("1=0");
    kit.broker.putRule("events", "blue", "$Default", { kind: "sql", expression: "color = 'green'" });
    expect(await replay(await kit.run(BLUE))).toMatchObject({ kept: 1, keptFirst: [{ code: "WouldNotArrive" }] });
    expect(await kit.content("events/subscriptions/blue", true)).toHaveLength(1);
  });

  it("is refused whole where its own rule would change the message a second time", async () => {
    const kit = await topic("1=0");
    const rule = { kind: "sql", expression: "1=1" } as const;
    kit.broker.putRule("events", "blue", "$Default", rule, { expression: "SET size = size + 1" });
    expect(await refusal(replay(await kit.run(BLUE)))).toBe("RuleWithAction");
  });

  it("is refused whole where the rules of its siblings cannot be read", async () => {
    const kit = await topic("1=0");
    const namespace = { ...kit.namespace(), admin: undefined };
    expect(await refusal(replay(await kit.run(BLUE, {}, { namespace })))).toBe("RulesUnseen");
    expect(await kit.content("events/subscriptions/blue", true)).toHaveLength(1);
  });
});
