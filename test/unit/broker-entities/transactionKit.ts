import { type Connection, type Delivery, message as rheaMessage, type Sender, type Session, types } from "rhea";
import { vi } from "vitest";
import type { DispositionFields } from "../../../stacks/local/broker/amqp/internals.js";
import { eventually } from "../broker/client.js";

// A client of transactions, on `rhea`, which has none: the coordinator's link, and the states of OASIS AMQP 1.0, part 4.

const COORDINATOR = 0x30;
const DECLARED = 0x33;
const TRANSACTIONAL = 0x34;
/** The place of the state among the fields of a transfer. */
const TRANSFER_STATE = 7;
const OUTCOMES: Readonly<Record<number, string>> = { 36: "accepted", 37: "rejected", 51: "declared" };

export const ACCEPT = types.wrap_described([], 0x24);
export const REJECT = types.wrap_described([], 0x25);
/** `modified`: one more failed delivery; and undeliverable here, which defers. */
export const ABANDON = types.wrap_described([true, false], 0x27);
export const DEFER = types.wrap_described([true, true], 0x27);

interface Answer {
  /** `accepted`, `rejected:<condition>`, or these in the transaction: `transactional accepted`. */
  readonly outcome: string;
  readonly id: Buffer | undefined;
}

function inside(typed: unknown): unknown {
  return typeof typed === "object" && typed !== null && "value" in typed ? typed.value : typed;
}

function item(list: unknown, index: number): unknown {
  const fields = inside(list);
  return Array.isArray(fields) ? fields[index] : undefined;
}

function readState(state: unknown): Answer {
  const descriptor = typeof state === "object" && state !== null ? Reflect.get(state, "descriptor") : undefined;
  const code = Number(inside(descriptor));
  if (code === TRANSACTIONAL) {
    return { outcome: `transactional ${readState(item(state, 1)).outcome}`, id: binaryOf(item(state, 0)) };
  }
  const condition = inside(item(item(state, 0), 0));
  const name = OUTCOMES[code] ?? `0x${code.toString(16)}`;
  return {
    outcome: code === 0x25 ? `${name}:${String(condition)}` : name,
    id: code === DECLARED ? binaryOf(item(state, 0)) : undefined,
  };
}

function binaryOf(typed: unknown): Buffer | undefined {
  const value = inside(typed);
  return Buffer.isBuffer(value) ? value : undefined;
}

/** A message section that holds one described value, as it is on the wire. */
function command(descriptor: number, fields: Buffer, count: number): Buffer {
  return Buffer.concat([
    Buffer.from([0x00, 0x53, 0x77, 0x00, 0x53, descriptor, 0xc0, fields.length + 1, count]),
    fields,
  ]);
}

/** One AMQP session of a client, with what it was answered by delivery. */
export class TransactionClient {
  readonly session: Session;
  readonly #sent = new Map<number, Answer>();
  readonly #settled = new Map<number, Answer>();
  readonly #states = new Map<number, unknown>();
  readonly #senders = new Map<string, Sender>();
  #links = 0;

  constructor(connection: Connection) {
    this.session = connection.create_session();
    this.session.begin();
    const { session } = this;
    // `rhea` prints targets and outcomes that it does not know.
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const record = (answers: Map<number, Answer>) => (fields: DispositionFields) => {
      for (let id = fields.first; id <= (fields.last ?? fields.first); id++) {
        answers.set(id, readState(fields.state));
      }
    };
    Reflect.get(session, "outgoing").on_disposition = record(this.#sent);
    Reflect.get(session, "incoming").on_disposition = record(this.#settled);
    const output = Reflect.get(session, "output").bind(session);
    Reflect.set(session, "output", (frame: Record<string, unknown>, payload: unknown) => {
      const state = this.#states.get(Number(frame["delivery_id"]));
      if (payload !== undefined && state !== undefined) {
        // `rhea` reads this field and writes it nowhere.
        const fields: unknown = Reflect.get(frame, "value");
        if (Array.isArray(fields)) {
          fields[TRANSFER_STATE - 1] = types.wrap(null);
          fields[TRANSFER_STATE] = state;
        }
      }
      output(frame, payload);
    });
  }

  /** Opens a link to the coordinator. */
  async coordinator(): Promise<Sender> {
    const sender = this.session.open_sender({ name: `coordinator-${++this.#links}-${Math.random()}` });
    Reflect.set(sender.local.attach, "target", types.wrap_described([], COORDINATOR));
    await opened(sender);
    return sender;
  }

  async declare(coordinator: Sender): Promise<Buffer> {
    const { outcome, id } = await this.#answered(coordinator, command(0x31, Buffer.from([0x40]), 1));
    if (id === undefined) {
      throw new Error(`The transaction was not declared: ${outcome}.`);
    }
    return id;
  }

  async discharge(coordinator: Sender, id: Buffer, how: "commit" | "rollback"): Promise<string> {
    const fail = how === "rollback" ? 0x41 : 0x42;
    const fields = Buffer.concat([Buffer.from([0xa0, id.length]), id, Buffer.from([fail])]);
    return (await this.#answered(coordinator, command(0x32, fields, 2))).outcome;
  }

  /** Sends a message, in a transaction if told, and says how it was answered. */
  async send(
    address: string,
    body: unknown,
    options: { readonly id?: Buffer; readonly via?: string; readonly session?: string; readonly raw?: Buffer } = {},
  ): Promise<string> {
    const sender = await this.#sender(address, options.via);
    const state = options.id === undefined ? undefined : types.wrap_described([options.id], TRANSACTIONAL);
    const encoded = rheaMessage.encode({
      body,
      ...(options.session === undefined ? {} : { group_id: options.session }),
    });
    return (await this.#answered(sender, options.raw ?? encoded, state)).outcome;
  }

  /** Receives so many messages. */
  async receive(
    address: string,
    count: number,
    filter?: Record<string, unknown>,
  ): Promise<{ readonly delivery: Delivery; readonly body: unknown }[]> {
    const got: { readonly delivery: Delivery; readonly body: unknown }[] = [];
    const receiver = this.session.open_receiver({
      name: `receiver-${++this.#links}-${Math.random()}`,
      source: { address, ...(filter === undefined ? {} : { filter }) },
      credit_window: 0,
      autoaccept: false,
      autosettle: false,
    });
    receiver.on("message", ({ message, delivery }) => {
      if (message !== undefined && delivery !== undefined) {
        got.push({ delivery, body: message["body"] });
      }
    });
    receiver.add_credit(count);
    return eventually(
      () => got,
      (seen) => seen.length === count,
    );
  }

  /** Says what is to become of a message, in a transaction if told. */
  async settle(delivery: Delivery, outcome: unknown, id?: Buffer): Promise<string> {
    this.#settled.delete(delivery.id);
    delivery.update(false, id === undefined ? outcome : types.wrap_described([id, outcome], TRANSACTIONAL));
    const answer = await eventually(
      () => this.#settled.get(delivery.id),
      (seen) => seen !== undefined,
    );
    return answer?.outcome ?? "";
  }

  /** Asks `$management` of an entity, in a transaction if told. */
  async ask(
    entity: string,
    operation: string,
    body: unknown,
    id?: Buffer,
  ): Promise<{ readonly status: unknown; readonly body: Readonly<Record<string, unknown>> }> {
    const replyTo = `replies-${++this.#links}`;
    const replies: { readonly status: unknown; readonly body: Readonly<Record<string, unknown>> }[] = [];
    const address = `${entity}/$management`;
    const receiver = this.session.open_receiver({ name: replyTo, source: { address }, target: { address: replyTo } });
    receiver.on("message", ({ message }) => {
      replies.push({ status: message?.application_properties?.["statusCode"], body: { ...message?.["body"] } });
    });
    // `rhea` sends what waits in a session before it attaches a new link.
    await eventually(
      () => receiver.is_open(),
      (open) => open,
    );
    const raw = rheaMessage.encode({ reply_to: replyTo, application_properties: { operation }, body });
    await this.send(address, undefined, { raw, ...(id === undefined ? {} : { id }) });
    const [reply] = await eventually(
      () => replies,
      (seen) => seen.length === 1,
    );
    return reply ?? { status: undefined, body: {} };
  }

  async #sender(address: string, via: string | undefined): Promise<Sender> {
    const key = `${address} ${via ?? ""}`;
    const there = this.#senders.get(key);
    if (there !== undefined) {
      return there;
    }
    const sender = this.session.open_sender({
      name: `sender-${++this.#links}-${Math.random()}`,
      target: { address: via ?? address },
      ...(via === undefined ? {} : { properties: { "com.microsoft:transfer-destination-address": address } }),
    });
    await opened(sender);
    this.#senders.set(key, sender);
    return sender;
  }

  async #answered(sender: Sender, encoded: Buffer, state?: unknown): Promise<Answer> {
    const delivery = sender.send(encoded, undefined, 0);
    if (state !== undefined) {
      this.#states.set(delivery.id, state);
    }
    const answer = await eventually(
      () => this.#sent.get(delivery.id),
      (seen) => seen !== undefined,
    );
    if (answer === undefined) {
      throw new Error("It was not answered.");
    }
    return answer;
  }
}

/** Waits until a link may be sent on; fails with the condition under which it was refused. */
async function opened(sender: Sender): Promise<void> {
  let refused: string | undefined;
  sender.on("sender_error", () => {
    refused = String(Reflect.get(sender.error ?? {}, "condition"));
  });
  await eventually(
    () => sender.sendable() || refused !== undefined,
    (ready) => ready,
  );
  if (refused !== undefined) {
    throw new Error(refused);
  }
}
