import { EventContext, Receiver, Sender } from "rhea-promise";
import { describe, expect, test } from "vitest";
import { lighter } from "../../../runtime/bus/deliveryContext.js";

const container = { id: "container" };
const connection = { id: "connection", container };
const session = { id: "session", connection };

/** A link of the client as far as contexts look at it. */
function linkOf(kind: typeof Receiver | typeof Sender): unknown {
  const type = kind === Receiver ? "receiver" : "sender";
  return Object.defineProperties(Object.create(kind.prototype), {
    type: { value: type },
    session: { value: session },
    connection: { value: connection },
  });
}

/** What rhea tells of a delivery, with its own objects in the places of the client's. */
const told = (more: object): object => ({ ...more, session: {}, connection: {}, container: {} });
const message = { body: "x" };
const delivery = { id: 1 };

/** Both ways to make one context. */
function both(rheaContext: object, emitter: unknown, event: string): [unknown, unknown] {
  const original = EventContext.translate;
  const made = [original, lighter(original)].map((translate) =>
    Reflect.apply(translate, undefined, [rheaContext, emitter, event]),
  );
  return [made[0], made[1]];
}

describe("the contexts of deliveries", () => {
  test.each([
    ["a message", "message", { message, delivery, receiver: {} }],
    ["a settlement", "settled", { delivery, receiver: {} }],
    ["an end of a link", "receiver_close", { receiver: {} }],
    ["an error of a link", "receiver_error", { receiver: {}, error: new Error("detached") }],
  ])("of %s is the client's own", (_name, event, more) => {
    const rheaContext = told(more);
    const [theirs, ours] = both(rheaContext, linkOf(Receiver), event);
    expect(ours).toStrictEqual(theirs);
    expect(ours).toMatchObject({ _context: rheaContext, session, connection, container });
  });

  test("of a sender's delivery are left to the client", () => {
    const [theirs, ours] = both(told({ delivery, sender: {} }), linkOf(Sender), "accepted");
    expect(ours).toStrictEqual(theirs);
  });
});
