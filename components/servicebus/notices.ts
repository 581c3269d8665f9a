import type { Notice } from "../support/notices.js";
import type { ServiceBusEntitiesArgs } from "./args.js";
import { entityNotices } from "./entityNotices.js";
import { namespaceNotices } from "./namespace/notices.js";

/** What Azure takes and is probably not meant, or has an effect that is easily missed. The args must be valid. */
export function serviceBusNotices(args: ServiceBusEntitiesArgs): Notice[] {
  return [...namespaceNotices(args), ...entityNotices(args)];
}
