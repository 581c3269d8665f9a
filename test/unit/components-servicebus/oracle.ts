import type { QueueArgs, ServiceBusEntitiesArgs, SubscriptionArgs } from "../../../components/servicebus/index.js";

/** A way from one entity to another, as it is written in the args. */
export interface Link {
  path: string;
  from: string;
  to: string;
}

const settings = ["forwardTo", "forwardDeadLettersTo"] as const;

function linksFrom(path: string, entity: string, args: QueueArgs | SubscriptionArgs): Link[] {
  return settings.flatMap((setting) => {
    const to = args[setting];
    return to === undefined ? [] : [{ path: `${path}.${setting}`, from: entity, to }];
  });
}

/** Every link of a bus whose names are lower case; written apart from what it checks. */
export function linksOf({ queues = {}, topics = {} }: ServiceBusEntitiesArgs): Link[] {
  const links = Object.entries(queues).flatMap(([name, queue]) => linksFrom(`queues.${name}`, name, queue));
  for (const [name, { subscriptions = {} }] of Object.entries(topics))
    for (const [key, subscription] of Object.entries(subscriptions))
      links.push(...linksFrom(`topics.${name}.subscriptions.${key}`, name, subscription));
  return links;
}

/** Whether there is a way over links from one entity to another: tried out, without an end before every link was. */
export function leads(links: Link[], from: string, to: string): boolean {
  const tried = new Set<Link>();
  const walk = (at: string): boolean =>
    links.some((link) => {
      if (link.from !== at || tried.has(link)) return false;
      tried.add(link);
      return link.to === to || walk(link.to);
    });
  return walk(from);
}

/** The most links in a row that end at an entity; the links hold no circle. */
export function longestTo(links: Link[], entity: string): number {
  return Math.max(0, ...links.filter(({ to }) => to === entity).map(({ from }) => 1 + longestTo(links, from)));
}
