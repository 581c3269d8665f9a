import type { Connection, Session } from "rhea";
import type { AmqpCondition } from "./conditions.js";
import type { AttachFrame, OpenPerformative, TransferFrame } from "./internals.js";

// What `rhea` takes at its word in a frame that is well formed, and must not: it arms a timer of whatever time it is
// told, looks up every delivery in whatever range is named, and prints what it does not know.

/** A peer that wants to hear from us more often than this costs more than it can need; clients ask for a minute. */
const SHORTEST_IDLE_TIME_OUT_MS = 1_000;
/** Source, target and the coordinator of transactions. */
const TERMINI: ReadonlySet<unknown> = new Set([
  ...[0x28, "amqp:source:list"],
  ...[0x29, "amqp:target:list"],
  ...[0x30, "amqp:coordinator:list"],
]);
/** Unsettled, settled, mixed; and first, second. */
const MOST_SENDER_MODE = 2;
const MOST_RECEIVER_MODE = 1;
const NOTHING = Buffer.alloc(0);

type End = (reason: AmqpCondition) => void;

/** Ends a connection whose `open` asks for what cannot be given; `opened` is told of every `open` before that. */
export function watchConnection(connection: Connection, end: End, opened: () => void = () => {}): void {
  const onOpen = connection["on_open"].bind(connection);
  connection["on_open"] = (frame) => {
    const performative: OpenPerformative = Reflect.get(frame, "performative");
    const asked = performative.idle_time_out;
    const given = asked !== null && asked !== undefined && asked !== 0;
    const bearable = typeof asked === "number" && asked >= SHORTEST_IDLE_TIME_OUT_MS;
    if (given && !bearable) {
      performative.idle_time_out = undefined;
    }
    onOpen(frame);
    opened();
    if (given && !bearable) {
      end({
        condition: "amqp:not-allowed",
        description: `An idle time-out of ${String(asked)} ms is not taken: ask for ${SHORTEST_IDLE_TIME_OUT_MS} or more, or for none.`,
      });
    }
  };
}

function isMode(value: unknown, most: number): boolean {
  return value === null || value === undefined || (typeof value === "number" && value >= 0 && value <= most);
}

/** Ends a connection in whose session something comes that was not to come. */
export function watchSession(session: Session, end: End): void {
  // Everything that comes in is settled at once: what is said of it later, of whatever range, changes nothing.
  session.incoming.on_disposition = () => {};
  const onAttach = session.on_attach.bind(session);
  session.on_attach = (frame: AttachFrame) => {
    const { snd_settle_mode: sender, rcv_settle_mode: receiver } = frame.performative;
    if (!isMode(sender, MOST_SENDER_MODE) || !isMode(receiver, MOST_RECEIVER_MODE)) {
      end({
        condition: "amqp:invalid-field",
        description: `There are no settle modes ${String(sender)} and ${String(receiver)}.`,
      });
      return;
    }
    for (const terminus of [frame.performative.source, frame.performative.target]) {
      const code: unknown = terminus?.descriptor?.value;
      if (code !== undefined && !TERMINI.has(code)) {
        end({ condition: "amqp:not-implemented", description: `A link to '${String(code)}' is not known.` });
        return;
      }
    }
    onAttach(frame);
  };
  const onTransfer = session.on_transfer.bind(session);
  session.on_transfer = (frame: TransferFrame) => {
    const link = session.remote.handles[frame.performative.handle];
    // `rhea` takes a transfer on a link that sends, too; such a link is never given credit by us.
    if (link !== undefined && (link.is_sender() || link.credit <= 0)) {
      end({
        condition: "amqp:link:transfer-limit-exceeded",
        description: `More was sent on link '${link.name}' than it had credit for.`,
      });
      return;
    }
    // A delivery without a byte is refused like any other that cannot be decoded; `rhea` would tell nobody of it.
    onTransfer(frame.payload === undefined ? Object.assign(frame, { payload: NOTHING }) : frame);
  };
}
