import { ServiceBusClient, type ServiceBusMessage, type ServiceBusSender } from "@azure/service-bus";
import { type Client, types } from "cassandra-driver";
import { reading } from "./cassandraHarness.js";

/** How often messages are sent, in milliseconds. */
const TICK_MS = 20;
/** Every so manieth message is sent a second time, under the same id. */
const AGAIN = 7;
/** How far behind the newest one the second copy of a message is. */
const BEHIND = 100;
const EPOCH_MS = Date.UTC(2026, 0, 31);

/** A row in text form, as `stored` and `expected` give it. */
type Row = { celsius: number; note: string | null };

/**
 * Readings on their way into a queue, so many a second until it is stopped: every fifth one changes the row of the one
 * before it, and every seventh comes twice.
 */
export class Load {
  private readonly client: ServiceBusClient;
  private readonly sender: ServiceBusSender;
  private readonly running: Promise<void>;
  private readonly rows = new Map<number, Row>();
  private stopped = false;
  /** Readings sent so far. */
  sent = 0;

  constructor(
    connectionString: string,
    queue: string,
    private readonly perSecond: number,
  ) {
    this.client = new ServiceBusClient(connectionString);
    this.sender = this.client.createSender(queue);
    this.running = this.send();
    this.running.catch(() => undefined);
  }

  /** Stops, and resolves once the broker has all of it. */
  async stop(): Promise<void> {
    this.stopped = true;
    try {
      await this.running;
    } finally {
      await this.client.close();
    }
  }

  /** The rows that the table must have, one a line, sorted: of two readings of a row each value is the later one's. */
  expected(): string[] {
    return [...this.rows].map(([seq, row]) => line(`device-${seq % 10}`, seq, row)).sort();
  }

  private async send(): Promise<void> {
    const began = performance.now();
    while (!this.stopped) {
      const due = Math.floor(((performance.now() - began) * this.perSecond) / 1_000);
      const batch: ServiceBusMessage[] = [];
      for (; this.sent < due && batch.length < 200; this.sent++) {
        batch.push(this.make(this.sent));
        const earlier = this.sent - BEHIND;
        if (earlier >= 0 && earlier % AGAIN === 0) batch.push(messageOf(earlier));
      }
      if (batch.length > 0) await this.sender.sendMessages(batch);
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
  }

  private make(n: number): ServiceBusMessage {
    const body: { seq: number; reading: { celsius: number }; note?: string } = JSON.parse(
      reading(n, EPOCH_MS).body.toString(),
    );
    const { seq, note } = body;
    this.rows.set(seq, { celsius: body.reading.celsius, note: note ?? this.rows.get(seq)?.note ?? null });
    return messageOf(n);
  }
}

function messageOf(n: number): ServiceBusMessage {
  const { messageId, body, partitionKey = "", properties } = reading(n, EPOCH_MS);
  const { origin = null } = properties;
  return { messageId, body, partitionKey, applicationProperties: { origin } };
}

/** The table's rows as all three replicas have them, one a line, sorted. Rejects where one of them does not answer. */
export async function storedAtAll(client: Client, table: string): Promise<string[]> {
  const lines: string[] = [];
  const statement = `SELECT device, seq, celsius, note FROM ${table}`;
  const found = await client.execute(statement, [], { consistency: types.consistencies.all, fetchSize: 1_000 });
  for await (const row of found) {
    const { device, seq, celsius, note } = { ...row };
    lines.push(
      line(String(device), Number(seq), { celsius: Number(celsius), note: note === null ? null : String(note) }),
    );
  }
  return lines.sort();
}

function line(device: string, seq: number, { celsius, note }: Row): string {
  return `${device} ${seq} ${celsius} ${note}`;
}
