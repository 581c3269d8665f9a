import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { ServiceBusClient } from "@azure/service-bus";

/** What a client wrote on one connection: its protocol headers and frames, in order. */
export type Recording = readonly Buffer[];

/**
 * Lets the unmodified client do what it can through a proxy that writes down every byte it sends.
 * @param port the broker's; it has the queues `real` and `real-sessions`.
 */
export async function recordClient(port: number): Promise<Recording[]> {
  const written: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const parts: Buffer[] = [];
    written.push(parts);
    const far = connect(port, "127.0.0.1");
    near.on("data", (part: Buffer) => parts.push(part));
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
    }
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const { port: proxyPort } = proxy.address() as AddressInfo;
  try {
    const connection = `Endpoint=sb://127.0.0.1:${proxyPort};SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true`;
    await queueWork(new ServiceBusClient(connection));
    await sessionWork(new ServiceBusClient(connection));
  } finally {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  }
  return written.map((parts) => split(Buffer.concat(parts)));
}

async function queueWork(client: ServiceBusClient): Promise<void> {
  const sender = client.createSender("real");
  await sender.sendMessages({ body: "one", messageId: "1", applicationProperties: { n: 1, s: "x", d: new Date(0) } });
  await sender.sendMessages([{ body: { a: [1, 2] } }, { body: Buffer.from("b"), subject: "s", correlationId: "c" }]);
  const scheduled = await sender.scheduleMessages({ body: "later" }, new Date(Date.now() + 3_600_000));
  await sender.cancelScheduledMessages(scheduled);
  const receiver = client.createReceiver("real");
  await receiver.peekMessages(5);
  const [first, second, third] = await receiver.receiveMessages(3, { maxWaitTimeInMs: 3_000 });
  if (first === undefined || second === undefined || third === undefined) throw new Error("three messages were sent");
  await receiver.renewMessageLock(first);
  await receiver.completeMessage(first);
  await receiver.deadLetterMessage(second, { deadLetterReason: "r", deadLetterErrorDescription: "d", p: 1 });
  await receiver.deferMessage(third);
  if (third.sequenceNumber === undefined) throw new Error("a received message has a number");
  const [deferred] = await receiver.receiveDeferredMessages(third.sequenceNumber);
  if (deferred === undefined) throw new Error("the message was deferred");
  await receiver.abandonMessage(deferred, { q: "v" });
  await client.close();
}

async function sessionWork(client: ServiceBusClient): Promise<void> {
  await client.createSender("real-sessions").sendMessages({ body: "s", sessionId: "a" });
  const receiver = await client.acceptNextSession("real-sessions");
  await receiver.setSessionState(Buffer.from("state"));
  await receiver.getSessionState();
  await receiver.renewSessionLock();
  const [message] = await receiver.receiveMessages(1, { maxWaitTimeInMs: 3_000 });
  if (message !== undefined) await receiver.completeMessage(message);
  await client.close();
}

/** Takes a client's bytes apart into headers and frames. */
function split(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; bytes.length - at >= 8; ) {
    const size = bytes.toString("latin1", at, at + 4) === "AMQP" ? 8 : bytes.readUInt32BE(at);
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

/** The messages in a client's transfers. */
export function messagesIn(recordings: readonly Recording[]): Buffer[] {
  return recordings.flat().flatMap((piece) => {
    const isTransfer = piece.length > 16 && piece[8] === 0 && piece[9] === 0x53 && piece[10] === 0x14;
    if (!isTransfer) return [];
    const size = piece[11] === 0xc0 ? 2 + (piece[12] ?? 0) : 5 + piece.readUInt32BE(12);
    return [Buffer.from(piece.subarray(11 + size))];
  });
}
