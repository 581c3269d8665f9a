import { ServiceBusClient } from "@azure/service-bus";
import { type Connection, create_container, type EventContext, type Message } from "rhea";

const FAILURES = ["error", "disconnected", "connection_close", "session_close", "sender_close", "rejected", "released"];

/** Sends what the official client would not, over bare AMQP; resolves once each is accepted, rejects where one is not. */
export async function sendRaw(port: number, queue: string, messages: Message[]): Promise<void> {
  const container = create_container();
  const connection: Connection = container.connect({ host: "127.0.0.1", port, reconnect: false });
  try {
    await new Promise<void>((resolve, reject) => {
      let [next, accepted] = [0, 0];
      const fail = ({ delivery, error }: EventContext): void =>
        reject(new Error(`not sent: ${JSON.stringify(delivery?.remote_state ?? error)} at ${accepted}`));
      for (const event of FAILURES) container.on(event, fail);
      const sender = connection.open_sender({ target: { address: queue } });
      sender.on("sendable", () => {
        for (let message = messages[next]; message !== undefined && sender.sendable(); message = messages[next]) {
          sender.send(message);
          next++;
        }
      });
      sender.on("accepted", () => {
        accepted++;
        if (accepted === messages.length) resolve();
      });
      if (messages.length === 0) resolve();
    });
  } finally {
    container.removeAllListeners();
    for (const event of FAILURES) container.on(event, () => {});
    connection.close();
  }
}

/** A dead letter as far as it is looked at. */
export interface Dead {
  number: unknown;
  messageId: string;
  reason: string;
  description: string;
  body: unknown;
}

/** Everything that lies in the dead-letter queue: so many messages. */
export async function takeDeadLetters(connectionString: string, queue: string, count: number): Promise<Dead[]> {
  const client = new ServiceBusClient(connectionString);
  try {
    const receiver = client.createReceiver(queue, {
      ...{ subQueueType: "deadLetter", receiveMode: "receiveAndDelete", skipParsingBodyAsJson: true },
    } as const);
    const dead: Dead[] = [];
    while (dead.length < count) {
      const messages = await receiver.receiveMessages(Math.min(200, count - dead.length), { maxWaitTimeInMs: 5_000 });
      if (messages.length === 0) throw new Error(`only ${dead.length} of ${count} dead letters came`);
      for (const { applicationProperties, messageId, deadLetterReason, deadLetterErrorDescription, body } of messages)
        dead.push({
          number: applicationProperties?.["n"],
          messageId: String(messageId),
          reason: deadLetterReason ?? "",
          description: deadLetterErrorDescription ?? "",
          body,
        });
    }
    return dead;
  } finally {
    await client.close();
  }
}
