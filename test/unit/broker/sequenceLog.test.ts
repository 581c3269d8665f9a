import { describe, expect, it } from "vitest";
import { SequenceLog } from "../../../stacks/local/broker/core/sequenceLog.js";
import { bench, content } from "./helpers.js";

describe("the log of messages", () => {
  it("finds by number and reads on in order, over gaps of any size", () => {
    const { namespace, queue } = bench(100_000_000);
    namespace.putQueue("q", {});
    queue("q").send(Array.from({ length: 5_000 }, (_, i) => content(`m${i}`)));
    const messages = queue("q").peek(0, { messages: 5_000, bytes: 1e9 });
    const log = new SequenceLog();
    for (const message of messages) {
      log.add(message);
    }
    const kept = new Set([3, 1_023, 1_024, 4_000, 4_999]);
    for (const message of messages) {
      if (!kept.has(message.sequenceNumber)) {
        log.delete(message);
      }
    }
    const read = (from: number): number[] => [...log.from(from)].map((message) => message.sequenceNumber);
    expect(log.size).toBe(5);
    expect(read(0)).toEqual([3, 1_023, 1_024, 4_000, 4_999]);
    expect(read(4)).toEqual([1_023, 1_024, 4_000, 4_999]);
    expect(read(1_024)).toEqual([1_024, 4_000, 4_999]);
    expect(read(1_025)).toEqual([4_000, 4_999]);
    expect(read(5_000)).toEqual([]);
    expect(log.get(1_024)?.content.messageId).toBe("m1023");
    expect(log.get(1_025)).toBeUndefined();
  });
});
