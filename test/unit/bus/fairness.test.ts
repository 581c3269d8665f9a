import { describe, expect, test } from "vitest";
import type { Outcome } from "../../../runtime/contract/index.js";
import { engineKit } from "./engineKit.js";
import { received } from "./fakeBus.js";

const done: Outcome = { kind: "done", duplicate: false };

describe("messages of different partitions", () => {
  test("do not wait for each other inside the worker: what is received is begun, in the order of the queue", async () => {
    const kit = engineKit(
      (message) => (message.partitionKey === "stuck" ? new Promise(() => undefined) : Promise.resolve(done)),
      (p) => {
        p.delivery.concurrency = 4;
      },
    );
    kit.engine.start();
    await kit.clock.advance(100);
    const order: string[] = [];
    for (let n = 0; n < 300; n++) {
      const partitionKey = n < 3 ? "stuck" : `p${n % 7}`;
      order.push(`${partitionKey}-${n}`);
      const to = kit.receivers.find((receiver) => receiver.credit > 0 || receiver.waiting > 0) ?? kit.receivers[0];
      to?.send(received({ messageId: `${partitionKey}-${n}`, partitionKey }));
      await kit.clock.advance(1);
    }
    // Three places are lost to the partition that is stuck; the others go on through the one that is left.
    expect(kit.began).toEqual(order);
    const completed = kit.receivers.flatMap((receiver) => receiver.settlements).filter((s) => s.how === "completed");
    expect(completed).toHaveLength(297);
  });
});
