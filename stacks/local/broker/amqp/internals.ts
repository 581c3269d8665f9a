import type { link } from "rhea";
import type { EndpointState } from "rhea/typings/endpoint";
import type { Typed } from "rhea/typings/types";

// What the broker uses of `rhea` 3.0.5 beyond its published types. Server-side links need it: the library has no call
// to hold an attach back, to read a message undecoded, or to say how much of its credit a link still has.

/** A performative field by its AMQP name; reading decodes it. */
export interface TransferPerformative {
  /** All fields as they were decoded, in their order. */
  readonly value: readonly unknown[];
  message_format: number | null | undefined;
}

export interface TransferFrame {
  readonly performative: TransferPerformative & { readonly handle: number };
  readonly payload?: Buffer;
}

/** The frame with which a peer begins a connection. */
export interface OpenPerformative {
  idle_time_out: unknown;
}

/** The frame with which a peer begins a link. */
export interface AttachFrame {
  readonly performative: {
    readonly name: string;
    readonly handle: number;
    /** True for a link on which the peer receives. */
    readonly role: unknown;
    readonly snd_settle_mode: unknown;
    readonly rcv_settle_mode: unknown;
    readonly source: Typed | null | undefined;
    target: Typed | null | undefined;
  };
}

export interface FlowFields {
  readonly next_incoming_id: number | null | undefined;
  readonly incoming_window: number;
}

export interface DispositionFields {
  readonly first: number;
  readonly last: number | null | undefined;
  readonly settled: boolean | null | undefined;
  readonly state: Typed | null | undefined;
}

/** What a session needs of the part that sends transfers. */
export interface OutgoingPort {
  readonly deliveries: { available(): number };
  readonly next_transfer_id: number;
  readonly window: number;
  available(): number;
  on_begin(fields: { readonly incoming_window: number }): void;
  on_flow(fields: FlowFields): void;
  on_disposition(fields: DispositionFields): void;
  process(): void;
}

/** The attach frame that answers the peer's. */
export interface AttachFields {
  snd_settle_mode: number;
  rcv_settle_mode: number;
  max_message_size: number;
  target: unknown;
  properties: Readonly<Record<string, unknown>>;
}

declare module "rhea/typings/link" {
  interface link {
    readonly state: EndpointState;
    readonly local: { readonly attach: AttachFields; readonly handle: number };
    credit: number;
    delivery_count: number;
    issue_flow: boolean;
    /** The delivery whose frames are arriving. */
    readonly _incomplete?: { frames: Buffer[] } | undefined;
  }

  interface Sender {
    readonly _draining: boolean;
    readonly _drained: boolean;
    _get_drain(): boolean;
  }
}

declare module "rhea/typings/session" {
  interface Session {
    outgoing: OutgoingPort;
    readonly incoming: { on_disposition(fields: DispositionFields): void };
    readonly state: EndpointState;
    readonly local: { readonly channel: number; readonly begin: { handle_max: number } };
    readonly remote: { readonly handles: Readonly<Record<number, link | undefined>> };
    on_attach(frame: AttachFrame): void;
    on_transfer(frame: TransferFrame): void;
  }
}
