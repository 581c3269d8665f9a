import { type Connection, create_container, type Delivery, type EventContext, type Receiver, types } from "rhea";
import { onTestFinished } from "vitest";
import { Broker, type BrokerOptions } from "../../../stacks/local/broker/index.js";
import { eventually } from "./client.js";
import { FakeClock } from "./helpers.js";

// What other AMQP clients do that the JavaScript one does not, frame by frame.

export const SESSION_FILTER = "com.microsoft:session-filter";
/** The descriptor under which Go and .NET say a session filter. */
export const SESSION_FILTER_CODE = 0x13_7000_000c;

/** The outcome `accepted`, as `rhea` wants it. */
export const ACCEPTED = types.wrap_described([], 0x24);

export async function connect(options: BrokerOptions = {}) {
  const clock = new FakeClock(Date.now());
  const broker = new Broker({ clock, ...options });
  const address = await broker.listen();
  onTestFinished(() => broker.close());
  const container = create_container();
  for (const event of ["disconnected", "connection_close", "session_close", "error"]) {
    container.on(event, () => {});
  }
  const open = (): Connection => {
    const connection = container.connect({ ...address, reconnect: false });
    onTestFinished(() => connection.close());
    return connection;
  };
  return { broker, clock, address, connection: open(), open };
}

export interface Got {
  readonly delivery: Delivery;
  readonly body: unknown;
}

/** A receiving link whose credit is given by hand. */
export function receiveFrom(
  connection: Connection,
  source: { readonly address: string; readonly filter?: Record<string, unknown> },
  more: Record<string, unknown> = {},
) {
  const got: Got[] = [];
  const events: string[] = [];
  const receiver: Receiver = connection.open_receiver({
    source,
    credit_window: 0,
    autoaccept: false,
    autosettle: false,
    rcv_settle_mode: 0,
    snd_settle_mode: 0,
    ...more,
  });
  receiver.on("message", ({ message, delivery }: EventContext) => {
    if (message !== undefined && delivery !== undefined) {
      got.push({ delivery, body: message["body"] });
    }
  });
  for (const event of ["receiver_open", "receiver_error", "receiver_close", "receiver_drained", "settled"]) {
    receiver.on(event, () => {
      const error = receiver.error;
      const condition = error !== undefined && "condition" in error ? `:${error.condition}` : "";
      events.push(`${event}${event === "receiver_error" ? condition : ""}`);
    });
  }
  return { receiver, got, events };
}

export async function send(
  connection: Connection,
  address: string,
  bodies: readonly unknown[],
  more = {},
): Promise<string[]> {
  const outcomes: string[] = [];
  const sender = connection.open_sender({ target: { address } });
  for (const outcome of ["accepted", "rejected"]) {
    sender.on(outcome, ({ delivery }: EventContext) => {
      const error = delivery?.remote_state?.["error"];
      outcomes.push(error === undefined ? outcome : `${outcome}:${error.condition}`);
    });
  }
  sender.once("sendable", () => {
    for (const body of bodies) {
      sender.send({ body, ...more });
    }
  });
  await eventually(
    () => outcomes,
    (seen) => seen.length === bodies.length,
  );
  return outcomes;
}
