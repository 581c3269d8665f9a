import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { idText, originalIdOf } from "../../bus/ids.js";
import { Browser } from "../browse.js";
import type { Namespace } from "../connect.js";
import { describeLine } from "../deadletters/describe.js";
import { pathOf, receiverOf, type Target } from "../target.js";
import { Source, type TraceEntry } from "./entry.js";
import { isWanted, type Wanted } from "./wanted.js";

/** Messages that are looked at on each side, at most: the service has no search. */
export const LOOKED_AT = 100_000;

/** Where a message is now: in the entity, in its dead-letter queue, or in neither. Rejects with the client's error. */
export async function askBus(
  namespace: Namespace,
  target: Target,
  wanted: Wanted,
  signal: AbortSignal,
): Promise<TraceEntry[]> {
  const entries: TraceEntry[] = [];
  for (const deadLetters of [false, true]) {
    const receiver = receiverOf(namespace.client, target, deadLetters);
    const where = deadLetters ? `${pathOf(target)}/$DeadLetterQueue` : pathOf(target);
    try {
      let looked = 0;
      for await (const message of new Browser(receiver).messages({ signal })) {
        looked++;
        if (isOf(message, target, wanted)) entries.push(...entriesOf(message, where));
        if (looked < LOOKED_AT) continue;
        const what = `only the first ${LOOKED_AT} messages were looked at; it may be behind them`;
        entries.push({ source: Source.Bus, where, what });
        break;
      }
    } finally {
      await receiver.close();
    }
  }
  return entries;
}

function isOf(message: ServiceBusReceivedMessage, target: Target, wanted: Wanted): boolean {
  const ids = new Set([idText(message.messageId), originalIdOf(message)]);
  return [...ids].some((id) => isWanted(wanted, pathOf(target), id));
}

/** When the entity took it, and what it is now: of the time between only its other records tell. */
function entriesOf(message: ServiceBusReceivedMessage, where: string): TraceEntry[] {
  const { messageId, originalId, state, deliveryCount, sequenceNumber, reason, description, enqueuedTime, replays } =
    describeLine(message);
  const copy = originalId === undefined ? "" : `, a copy under the id ${JSON.stringify(messageId)}`;
  const again = replays === undefined ? "" : `, replayed ${replays} times`;
  const why = reason === undefined ? "" : `: ${reason}${description === undefined ? "" : `, ${description}`}`;
  const taken = `taken by the entity, number ${sequenceNumber}${copy}`;
  const now = `is there now, ${state}, delivery count ${deliveryCount}${again}${why}`;
  return [
    { source: Source.Bus, where, what: taken, ...(enqueuedTime === undefined ? {} : { time: enqueuedTime }) },
    { source: Source.Bus, where, what: now },
  ];
}
