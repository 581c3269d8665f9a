import { types } from "rhea";
import { describe, expect, it } from "vitest";
import { settingsOf } from "../../../stacks/local/broker/core/settings.js";
import { bench, codeOf, content } from "../broker/helpers.js";
import { connect, send } from "../broker/wireKit.js";

describe("a message", () => {
  it.each(["messageId", "sessionId", "partitionKey"] as const)("has a %s of at most 128 characters", (field) => {
    const { namespace, queue } = bench();
    namespace.putQueue("q", {});
    const withId = (length: number) => {
      const id = "x".repeat(length);
      return field === "messageId" ? content(id) : content("m", { [field]: id });
    };
    expect(codeOf(() => queue("q").send([withId(128)]))).toBe("nothing was thrown");
    expect(codeOf(() => queue("q").send([content("fits"), withId(129)]))).toBe("InvalidArgument");
    expect(queue("q").counts().active).toBe(1);
  });

  it("with a session id has no partition key but that", async () => {
    const { broker, connection } = await connect();
    broker.putQueue("work", { requiresSession: true });
    broker.putTopic("events");
    broker.putSubscription("events", "audit");
    const key = (value: string) => ({ group_id: "s", message_annotations: { "x-opt-partition-key": value } });
    for (const to of ["work", "events"]) {
      expect(await send(connection, to, [1], key("other"))).toEqual(["rejected:amqp:not-allowed"]);
      expect(await send(connection, to, [1], key("s"))).toEqual(["accepted"]);
      expect(
        await send(connection, to, [1], { group_id: "s", message_annotations: { mine: types.wrap_int(1) } }),
      ).toEqual(["accepted"]);
    }
  });

  it("in a partitioned entity is a duplicate of one with the same id and the same partition key", () => {
    const { namespace, queue } = bench();
    const settings = { requiresDuplicateDetection: true, enablePartitioning: true };
    namespace.putQueue("q", settings);
    queue("q").send([
      content("same", { partitionKey: "a" }),
      content("same", { partitionKey: "b" }),
      content("same", { partitionKey: "a" }),
      content("same"),
    ]);
    expect(queue("q").counts().active).toBe(3);
    expect(() => namespace.putQueue("q", { ...settings, enablePartitioning: false })).toThrow(
      /enablePartitioning = false: is true since the entity was made/,
    );
  });
});

describe("settings of an entity", () => {
  it("are refused out of range, all at once", () => {
    const { namespace } = bench();
    const wrong = {
      autoDeleteOnIdleSeconds: 0,
      maxSizeInMegabytes: 81_921,
      maxMessageSizeInKilobytes: 1.5,
      userMetadata: "x".repeat(1_025),
      forwardTo: "Q",
      forwardDeadLetteredMessagesTo: "$management",
    };
    let message = "";
    try {
      namespace.putQueue("q", wrong);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain("autoDeleteOnIdleSeconds = 0: must be at least 1 seconds");
    expect(message).toContain("maxSizeInMegabytes = 81921: must be 1 to 81920 megabytes, a whole number");
    expect(message).toContain("maxMessageSizeInKilobytes = 1.5: must be 1 to 102400 kilobytes, a whole number");
    expect(message).toContain("has 1025 characters, at most 1024 are kept");
    expect(message).toContain('forwardTo = "Q": is the entity itself');
    expect(message).toContain('forwardDeadLetteredMessagesTo = "$management": is no queue or topic');
    expect(namespace.find("q")).toBeUndefined();
  });

  it("are told as they were given, and putting what is told changes nothing", () => {
    const { namespace, queue, clock } = bench();
    const settings = {
      requiresSession: true,
      lockDurationSeconds: 30,
      maxDeliveryCount: 4,
      timeToLive: 3_600,
      deadLetteringOnMessageExpiration: true,
      requiresDuplicateDetection: true,
      duplicateDetectionWindowSeconds: 20,
      status: "SendDisabled",
      autoDeleteOnIdleSeconds: 500,
      forwardDeadLetteredMessagesTo: "graves",
      maxSizeInMegabytes: 5,
      maxMessageSizeInKilobytes: 64,
      enablePartitioning: true,
      enableBatchedOperations: false,
      userMetadata: "u",
    } as const;
    namespace.putQueue("q", settings);
    const told = settingsOf(queue("q").rules);
    expect(told).toMatchObject(settings);
    const before = queue("q").times.updatedAt;
    clock.advance(1_000);
    namespace.putQueue("q", told);
    expect(queue("q").times.updatedAt).toBe(before);
    namespace.putQueue("plain", {});
    expect(settingsOf(queue("plain").rules)).toMatchObject({ status: "Active", maxSizeInMegabytes: 1_024 });
    expect(settingsOf(queue("plain").rules).timeToLive).toBeUndefined();
  });
});
