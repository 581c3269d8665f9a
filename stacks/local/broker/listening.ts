import type { TlsIdentity } from "./amqp/doors.js";
import type { SettledOutcome } from "./core/settlement.js";

/** Where a broker listens, and for what. */
export interface ListenOptions {
  /** A loopback address. @default 127.0.0.1 */
  readonly host?: string;
  /** 0 takes a free one. @default 0 */
  readonly port?: number;
  /** Private key and certificate chain as PEM: the port takes TLS 1.2 and 1.3. */
  readonly tls?: TlsIdentity;
  /** Takes what does not begin with TLS as well. @default true without `tls`, false with it */
  readonly plainText?: boolean;
}

/** One delivery, or one message's stay, has ended. Times in milliseconds since 1970. */
export interface SettledEvent {
  /** Where: `orders`, `events/Subscriptions/audit`, `orders/$DeadLetterQueue`. */
  readonly entity: string;
  readonly messageId: string;
  readonly sequenceNumber: number;
  readonly enqueuedAt: number;
  readonly settledAt: number;
  readonly outcome: SettledOutcome;
  /** Deliveries that had ended without success by then, this one included if it did. */
  readonly deliveryCount: number;
}
