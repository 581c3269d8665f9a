import type { ServiceBusClient } from "@azure/service-bus";
import { errorCode, errorText } from "../bus/errors.js";
import { StowageError } from "../contract/index.js";
import type { Browser } from "./browse.js";
import { pathOf, senderOf, type Target } from "./target.js";

/**
 * Tries whether this identity may receive, without taking anything.
 * @param browser of the entity, or of its dead-letter queue where `deadLetters`
 * @throws StowageError `RightMissing`, `EntityMissing`, or `BusUnreachable`
 */
export async function checkListenRight(browser: Browser, target: Target, deadLetters: boolean): Promise<void> {
  const path = pathOf(target);
  const what = deadLetters ? `the dead-letter queue of ${path}` : path;
  await attempt(`receive from ${what}`, "Azure Service Bus Data Receiver", path, async () => {
    await browser.messages().next();
  });
}

/**
 * Tries whether this identity may send to where the entity's messages come from, without sending anything.
 * @returns the bytes that one message or batch may have
 * @throws StowageError `RightMissing`, `EntityMissing`, or `BusUnreachable`
 */
export async function checkSendRight(client: ServiceBusClient, target: Target): Promise<number> {
  const sender = senderOf(client, target);
  try {
    return await attempt(
      `send to ${sender.entityPath}`,
      "Azure Service Bus Data Sender",
      sender.entityPath,
      async () => {
        // The size of a batch is the link's: asking for it attaches one.
        return (await sender.createMessageBatch()).maxSizeInBytes;
      },
    );
  } finally {
    await sender.close().catch(() => undefined);
  }
}

async function attempt<T>(what: string, role: string, scope: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const [code, cause] = [errorCode(error), { cause: error }];
    if (code === "UnauthorizedAccess")
      throw new StowageError(
        "RightMissing",
        `This identity may not ${what}. Nothing was touched. Give it ${role} on ${scope}; a new right takes minutes to count.`,
        cause,
      );
    if (code === "MessagingEntityNotFound")
      throw new StowageError("EntityMissing", `Cannot ${what}: there is no such entity. Nothing was touched.`, cause);
    throw new StowageError("BusUnreachable", `Cannot ${what}: ${errorText(error)}. Nothing was touched.`, cause);
  }
}
