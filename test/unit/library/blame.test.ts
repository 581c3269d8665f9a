import { type Connection, create_container as createContainer, type EventContext } from "rhea";
import { afterEach, describe, expect, test } from "vitest";
import { wireCondition } from "../../../runtime/library/blame.js";
import { Broker } from "../../../stacks/local/broker/index.js";

let broker: Broker | undefined;
let connection: Connection | undefined;

afterEach(async () => {
  connection?.close();
  await broker?.close();
});

describe("what nobody caught", () => {
  test("is an error of the wire where the other side sent it, as the client's library hands it on", async () => {
    broker = new Broker();
    const { port } = await broker.listen();
    connection = createContainer().connect({ host: "127.0.0.1", port, reconnect: false });
    const open = connection;
    const error = await new Promise<unknown>((resolve) => {
      open.on("receiver_error", ({ receiver }: EventContext) => resolve(receiver?.error));
      open.open_receiver("no-such-queue");
    });
    expect(error).not.toBeInstanceOf(Error);
    expect(wireCondition(error)).toMatch(/^(amqp|com\.microsoft):/);
  });

  test.each([
    ["an error", Object.assign(new Error("detached"), { condition: "amqp:link:detach-forced" })],
    ["an object without a condition", { code: 1 }],
    ["a condition that is no text", { condition: 1 }],
    ["a text", "amqp:link:detach-forced"],
    ["nothing", undefined],
    ["null", null],
  ])("is none where it is %s", (_, reason) => {
    expect(wireCondition(reason)).toBeUndefined();
  });
});
