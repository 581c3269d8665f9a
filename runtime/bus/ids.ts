import type { ServiceBusReceivedMessage } from "@azure/service-bus";
import { ORIGINAL_ID_PROPERTY, ServiceBusLimits } from "../contract/index.js";

/** A message id is text, a number or bytes by the client's types; a key is text. Empty where there is none. */
export function idText(id: string | number | Buffer | undefined): string {
  if (id === undefined || id === null) return "";
  return typeof id === "object" ? id.toString("hex") : String(id);
}

/** The id under which the message was first sent, `stowage-original-id` of a copy; what is no id counts as none. */
export function originalIdOf(received: ServiceBusReceivedMessage): string {
  const id = received.applicationProperties?.[ORIGINAL_ID_PROPERTY];
  const given = typeof id === "string" && id !== "" && id.length <= ServiceBusLimits.idCharacters;
  return given ? id : idText(received.messageId);
}
