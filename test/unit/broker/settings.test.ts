import { describe, expect, it } from "vitest";
import type { QueueSettings } from "../../../stacks/local/broker/core/settings.js";
import { SettingsError } from "../../../stacks/local/broker/core/settings.js";
import { bench, codeOf } from "./helpers.js";

function problemsOf(settings: QueueSettings): string[] {
  try {
    bench().namespace.putQueue("orders", settings);
    return [];
  } catch (error) {
    return error instanceof SettingsError ? error.problems.map((problem) => problem.path) : [String(error)];
  }
}

describe("settings", () => {
  it("out of range are refused all at once, with value and range", () => {
    const wrong: QueueSettings = {
      lockDurationSeconds: 301,
      maxDeliveryCount: 0,
      timeToLive: 0,
      duplicateDetectionWindowSeconds: Number.NaN,
    };
    expect(problemsOf(wrong)).toEqual([
      "lockDurationSeconds",
      "maxDeliveryCount",
      "timeToLive",
      "duplicateDetectionWindowSeconds",
    ]);
    expect(() => bench().namespace.putQueue("orders", { lockDurationSeconds: 301 })).toThrow(
      /lockDurationSeconds = 301: must be 1 to 300 seconds/,
    );
  });

  it.each<QueueSettings>([
    { lockDurationSeconds: 1, maxDeliveryCount: 2_000 },
    { lockDurationSeconds: 300, maxDeliveryCount: 1, timeToLive: 0.001 },
    { lockDurationSeconds: 1.5 },
  ])("at the ends of their ranges are taken: %o", (settings) => {
    expect(problemsOf(settings)).toEqual([]);
  });

  it("that Azure only changes by replacing the entity are refused", () => {
    const { namespace } = bench();
    namespace.putQueue("orders", {});
    expect(() => namespace.putQueue("orders", { requiresSession: true })).toThrow(/requiresSession/);
    expect(() => namespace.putQueue("orders", { requiresDuplicateDetection: true })).toThrow(
      /requiresDuplicateDetection/,
    );
    namespace.putTopic("events", {});
    namespace.putSubscription("events", "a", { requiresSession: true });
    expect(() => namespace.putSubscription("events", "a", {})).toThrow(SettingsError);
  });
});

describe("names", () => {
  it("ignore case and may hold slashes", () => {
    const { namespace } = bench();
    namespace.putQueue("Sales/Orders", {});
    namespace.putQueue("sales/orders", { maxDeliveryCount: 3 });
    expect([...namespace.queues()].length).toBe(1);
    expect(namespace.find("/SALES/ORDERS/$DEADLETTERQUEUE")?.path).toBe("Sales/Orders/$DeadLetterQueue");
  });

  it.each(["", "-a", "a/", "a//b", "a b", "x/subscriptions/y", "a".repeat(261)])("'%s' is refused", (name) => {
    expect(codeOf(() => bench().namespace.putQueue(name, {}))).toBe("InvalidArgument");
  });

  it("are shared by queues and topics", () => {
    const { namespace } = bench();
    namespace.putQueue("a", {});
    namespace.putTopic("b", {});
    expect(codeOf(() => namespace.putTopic("A", {}))).toBe("NotAllowed");
    expect(codeOf(() => namespace.putQueue("B", {}))).toBe("NotAllowed");
  });

  it("that name nothing find nothing", () => {
    const { namespace } = bench();
    namespace.putTopic("events", {});
    for (const address of [
      "none",
      "events/Subscriptions/none",
      "events/$DeadLetterQueue",
      "none/$DeadLetterQueue",
      "",
    ]) {
      expect(namespace.find(address)).toBeUndefined();
    }
    expect(codeOf(() => namespace.putSubscription("none", "a", {}))).toBe("EntityNotFound");
  });
});
