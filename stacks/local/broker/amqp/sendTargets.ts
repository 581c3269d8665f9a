import type { Receiver } from "rhea";
import { BrokerError, BrokerErrorCode } from "../core/errors.js";
import type { Entity } from "../core/namespace.js";
import type { Queue } from "../core/queue.js";
import type { Topic } from "../core/topic.js";
import { ViaTarget } from "../core/viaTarget.js";
import type { SendTarget } from "./producerLink.js";

/** The link property that names where messages go on to from the entity they are sent via. */
const DESTINATION = "com.microsoft:transfer-destination-address";

function sendable(entity: Entity): Queue | Topic {
  if (entity.kind === "topic") {
    return entity.topic;
  }
  if (entity.kind === "queue") {
    return entity.queue;
  }
  throw new BrokerError(
    BrokerErrorCode.NotAllowed,
    `Messages cannot be sent to '${entity.path}': send to its topic or queue.`,
  );
}

/**
 * What a client sends to on a link: the entity it is attached to, or another one via it.
 * @param find gives the entity at the other's address; throws where there is none, or the client may not send there
 */
export function sendTargetOf(link: Receiver, entity: Entity, find: (address: string) => Entity): SendTarget {
  const target = sendable(entity);
  const address: unknown = link.properties?.[DESTINATION];
  if (typeof address !== "string" || address === "") {
    return target;
  }
  const destination = find(address.replace(/^[a-z]+:\/\/[^/]*/i, ""));
  return new ViaTarget(target, sendable(destination));
}
