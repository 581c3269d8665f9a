/** The parts of an address below an entity that share its rights. */
const BELOW_ENTITY = /\/\$(?:management|deadletterqueue|transfer)$/i;

/** What a token is put for, or an address names: a host, and the path of an entity. */
export interface Audience {
  /** Host with its port, as it was said; empty where only a path was said. */
  readonly host: string;
  /** The entity's path, without what lies below it (`/$management`, `/$DeadLetterQueue`); empty for the namespace. */
  readonly entity: string;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The entity whose rights count for an address: that of a dead-letter queue or of `$management` is its parent's. */
export function entityOfAddress(address: string): string {
  let path = address.replace(/^\/+|\/+$/g, "");
  while (BELOW_ENTITY.test(path)) {
    path = path.replace(BELOW_ENTITY, "");
  }
  return path;
}

/** Reads an audience in any form that clients use: `sb://host/orders`, `amqps://host:5671/orders/$management`, `host/orders`. */
export function parseAudience(audience: string): Audience {
  // Clients of the administration sign a request's address with its query.
  const [, host = "", path = ""] = /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^/?#]*)([^?#]*)/i.exec(audience) ?? [];
  return { host, entity: entityOfAddress(decoded(path)) };
}

/** The path of a subscription's topic. */
const TOPIC_OF = /^(.*)\/subscriptions\/[^/]*$/is;

/** Where what is given for an entity may be given: the entity, a subscription's topic, the namespace; in lower case. */
export function scopesOf(entity: string): string[] {
  const path = entity.toLowerCase();
  const topic = TOPIC_OF.exec(path)?.[1];
  return path === "" ? [""] : topic === undefined ? [path, ""] : [path, topic, ""];
}

/** Whether what holds at one path holds at another: the same, or above it. Paths ignore case. */
export function covers(scope: string, entity: string): boolean {
  const above = scope.toLowerCase();
  const path = entity.toLowerCase();
  return above === "" || above === path || path.startsWith(`${above}/`);
}
