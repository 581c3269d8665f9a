import { describe, expect, test } from "vitest";
import { readMessage } from "../../../runtime/bus/envelope.js";
import { sha256 } from "../../../runtime/contract/index.js";
import { received } from "./fakeBus.js";

const rules = { entity: "renders", replyQueues: ["answers"] };

function poisonOf(change: Parameters<typeof received>[0]): { reason: string; description: string } | undefined {
  const read = readMessage(received(change), rules);
  return "poison" in read ? read.poison : undefined;
}

describe("reading a message", () => {
  test("gives the sink the body as sent, its hash, and the key of entity and id", () => {
    const read = readMessage(received({ messageId: "m-7", body: Buffer.from('{"a": 1}') }), rules);
    expect(read).toMatchObject({
      messageId: "m-7",
      bytes: 8,
      message: { key: "renders\nm-7", entity: "renders", bodySha256: sha256('{"a": 1}'), deliveryCount: 1 },
    });
  });

  test("counts deliveries from 1: the header counts those before", () => {
    expect(readMessage(received({ deliveryCount: 4 }), rules).deliveryCount).toBe(5);
  });

  test("refuses a message without an id", () => {
    expect(poisonOf({ messageId: undefined })?.reason).toBe("MissingMessageId");
    expect(poisonOf({ messageId: "" })?.reason).toBe("MissingMessageId");
  });

  test("refuses a ReplyTo that the pipeline does not list, and says what it lists", () => {
    expect(poisonOf({ replyTo: "elsewhere" })).toMatchObject({
      reason: "ReplyNotAllowed",
      description: expect.stringMatching(/"elsewhere".*answers/),
    });
  });

  test("takes a ReplyTo without regard to case, as Service Bus does, and gives the listed name", () => {
    expect(readMessage(received({ replyTo: "ANSWERS" }), rules)).toMatchObject({ message: { replyTo: "answers" } });
  });

  test("refuses a body that has no bytes and no JSON text", () => {
    const loop: { self?: object } = {};
    loop.self = loop;
    const read = readMessage(received({ body: loop }, "value"), rules);
    expect(read).toMatchObject({ poison: { reason: "InvalidBody" }, bytes: 0 });
  });

  test("takes the producer's trace id, and makes one where there is none or a wrong one", () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
    const read = (properties: { [name: string]: string }) =>
      readMessage(received({ applicationProperties: properties }), rules).traceId;
    expect(read({ traceparent })).toBe(traceId);
    expect(read({ "Diagnostic-Id": traceparent })).toBe(traceId);
    const other = read({ traceparent: "00-nonsense" });
    expect(other).toMatch(/^[0-9a-f]{32}$/);
    expect(other).not.toBe(traceId);
    expect(read({ traceparent: `00-${"0".repeat(32)}-b7ad6b7169203331-01` })).not.toBe("0".repeat(32));
  });

  test("survives properties with hostile names and values of any type", () => {
    const applicationProperties = JSON.parse('{"__proto__": "x", "constructor": "y", "toString": "z"}');
    applicationProperties.when = new Date(0);
    applicationProperties.bytes = Buffer.from("ab");
    applicationProperties.none = null;
    const read = readMessage(received({ applicationProperties }), rules);
    expect(read).toMatchObject({
      message: { properties: { constructor: "y", toString: "z", when: new Date(0), bytes: "YWI=", none: null } },
    });
  });
});
