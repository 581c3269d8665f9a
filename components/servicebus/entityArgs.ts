/** What may be done with a queue. Messages that are in it stay in it whatever is set. */
export const EntityStatus = {
  Active: "Active",
  /** Neither sending nor receiving. */
  Disabled: "Disabled",
  SendDisabled: "SendDisabled",
  ReceiveDisabled: "ReceiveDisabled",
} as const;
export type EntityStatus = (typeof EntityStatus)[keyof typeof EntityStatus];

/** What may be done with a topic. Its subscriptions go on giving out what they hold. */
export const TopicStatus = {
  Active: "Active",
  /** No sending. */
  Disabled: "Disabled",
  /** The same as Disabled. */
  SendDisabled: "SendDisabled",
} as const;
export type TopicStatus = (typeof TopicStatus)[keyof typeof TopicStatus];

/** What may be done with a subscription. It goes on collecting messages. */
export const SubscriptionStatus = {
  Active: "Active",
  /** No receiving. */
  Disabled: "Disabled",
  /** The same as Disabled. */
  ReceiveDisabled: "ReceiveDisabled",
} as const;
export type SubscriptionStatus = (typeof SubscriptionStatus)[keyof typeof SubscriptionStatus];

/** A queue. Its key in the map is its name. Every tier, and every change in place, where nothing else is said. */
export interface QueueArgs {
  /**
   * How long a received message stays locked, in whole seconds, 5 to 300 (PT5S to PT5M). A message that is not settled
   * or renewed by then is delivered again. A change holds for locks that are taken after it.
   * @default 60
   */
  lockDurationSeconds?: number;
  /**
   * Deliveries of a message before it is dead-lettered, 1 to 2000. Lowering it dead-letters, at their next delivery,
   * messages that have had more.
   * @default 10
   */
  maxDeliveryCount?: number;
  /**
   * True where order is kept within sessions; every message then needs a session id of at most 128 characters, and one
   * without is refused. Standard and Premium. A queue with sessions can forward its dead letters, not its messages.
   * Changing this replaces the queue and loses its messages and the state of its sessions.
   * @default false
   */
  requiresSession?: boolean;
  /**
   * True where a second message with the same id, of at most 128 characters, is dropped within
   * `duplicateDetectionSeconds`. Standard and Premium.
   * Changing this replaces the queue and loses its messages.
   * @default false
   */
  requiresDuplicateDetection?: boolean;
  /**
   * How long ids are remembered, in whole seconds, 20 to 604800 (PT20S to P7D). Standard and Premium. Needs
   * `requiresDuplicateDetection`. Lowering it lets in second messages whose first came before the new window.
   * @default 600
   */
  duplicateDetectionSeconds?: number;
  /**
   * How long a message is kept, in whole seconds, from 1, on Basic at most 1209600 (P14D). A message that asks for
   * longer gets this. A change holds for messages that are sent after it; lowering it makes them expire sooner.
   * @default for ever (on Basic 14 days)
   */
  timeToLiveSeconds?: number;
  /**
   * True where an expired message goes to the dead-letter queue, false where it is deleted. Changing it to false loses
   * the messages that expire from then on.
   * @default true
   */
  deadLetterOnExpiration?: boolean;
  /**
   * Queue or topic of this namespace that every message is moved on to, over at most 4 hops. Standard and Premium; not
   * with `requiresSession` or `autoDeleteOnIdleSeconds`. Setting it closes the queue to receivers and moves what is in
   * it. Where the target has sessions, messages without a session id go to this queue's transfer dead-letter queue.
   * @default none
   */
  forwardTo?: string;
  /**
   * Queue or topic of this namespace that dead letters are moved on to, over at most 4 hops. Standard and Premium.
   * Setting it moves the dead letters that are there too; whoever reads them here finds them gone.
   * @default none: they stay in the queue's own dead-letter queue
   */
  forwardDeadLettersTo?: string;
  /**
   * The queue is deleted, with its messages, after so many whole seconds without a send, a receive, a peek, a change or
   * a scheduled message, from 300 (PT5M). Standard and Premium; not with `forwardTo`. What Azure deleted is made anew at
   * the next deployment after a refresh.
   * @default never
   */
  autoDeleteOnIdleSeconds?: number;
  /**
   * Size of the queue in megabytes: 1024, 2048, 3072, 4096 or 5120; on Premium, or partitioned, also 10240, 20480,
   * 40960 or 81920. Azure counts it for each of the 16 partitions of a queue that is partitioned below Premium. A full
   * queue refuses messages. Lowering it below what is in it refuses messages until there is room.
   * @default 1024
   */
  maxSizeMegabytes?: number;
  /**
   * Size of the largest message in kilobytes, 1024 to 102400. Premium only; below it is 256. Lowering it refuses larger
   * messages from then on; those that are there are still delivered.
   * @default 1024
   */
  maxMessageSizeKilobytes?: number;
  /**
   * True where the queue is spread over 16 brokers; at most 100 queues and topics of a namespace. Basic and Standard. On
   * Premium it follows `premiumMessagingPartitions` of the namespace, and cannot be chosen.
   * Changing this replaces the queue and loses its messages.
   * @default false; on Premium whether the namespace has partitions
   */
  enablePartitioning?: boolean;
  /**
   * True where the service gathers writes to its store for up to 20 ms. It makes the queue faster and single messages a
   * little slower.
   * @default true
   */
  enableBatchedOperations?: boolean;
  /**
   * True where messages are held in memory before they are stored, and may be lost if a broker fails. Standard only; not
   * with `requiresDuplicateDetection`.
   * @default false
   */
  enableExpress?: boolean;
  /**
   * What may be done with the queue. Anything but Active makes senders, receivers or both fail until it is changed back;
   * messages stay.
   * @default Active
   */
  status?: EntityStatus;
  /**
   * A note that is kept with the queue, up to 1024 characters. Everyone who may read the queue's settings sees it.
   * @default none
   */
  userMetadata?: string;
}

/** A topic. Its key in the map is its name. Standard and Premium; every change in place where nothing else is said. */
export interface TopicArgs {
  /**
   * The topic's subscriptions, by name: up to 2000, and at least one, or its messages go nowhere. Taking one away or
   * renaming it loses its messages; a new one gets what is sent after it.
   * @default none
   */
  subscriptions?: { [name: string]: SubscriptionArgs };
  /**
   * True where a second message with the same id, of at most 128 characters, is dropped within
   * `duplicateDetectionSeconds`.
   * Changing this replaces the topic, its subscriptions, and loses their messages.
   * @default false
   */
  requiresDuplicateDetection?: boolean;
  /**
   * How long ids are remembered, in whole seconds, 20 to 604800 (PT20S to P7D). Needs `requiresDuplicateDetection`.
   * Lowering it lets in second messages whose first came before the new window.
   * @default 600
   */
  duplicateDetectionSeconds?: number;
  /**
   * How long a message is kept, in whole seconds, from 1; no subscription keeps it longer. A change holds for messages
   * that are sent after it; lowering it makes them expire sooner.
   * @default for ever
   */
  timeToLiveSeconds?: number;
  /**
   * The topic is deleted, with its subscriptions and their messages, after so many whole seconds without a send, a
   * change or a scheduled message, from 300 (PT5M). Receiving from a subscription is no use of the topic.
   * @default never
   */
  autoDeleteOnIdleSeconds?: number;
  /**
   * Size of the topic in megabytes, all its subscriptions together: 1024, 2048, 3072, 4096 or 5120; on Premium, or
   * partitioned, also 10240, 20480, 40960 or 81920. Azure counts it for each of the 16 partitions of a topic that is
   * partitioned below Premium. A full topic refuses messages, also where one slow subscription fills it.
   * @default 1024
   */
  maxSizeMegabytes?: number;
  /**
   * Size of the largest message in kilobytes, 1024 to 102400. Premium only; below it is 256. Lowering it refuses larger
   * messages from then on; those that are there are still delivered.
   * @default 1024
   */
  maxMessageSizeKilobytes?: number;
  /**
   * True where the topic is spread over 16 brokers; at most 100 queues and topics of a namespace. Standard only. On
   * Premium it follows `premiumMessagingPartitions` of the namespace, and cannot be chosen.
   * Changing this replaces the topic, its subscriptions, and loses their messages.
   * @default false; on Premium whether the namespace has partitions
   */
  enablePartitioning?: boolean;
  /**
   * True where the service gathers writes to its store for up to 20 ms. It makes the topic faster and single messages a
   * little slower.
   * @default true
   */
  enableBatchedOperations?: boolean;
  /**
   * True where messages are held in memory before they are stored, and may be lost if a broker fails. Standard only; not
   * with `requiresDuplicateDetection`.
   * @default false
   */
  enableExpress?: boolean;
  /**
   * True where subscriptions get messages in the order in which they were sent; of a partitioned topic, in the order
   * within each partition key.
   * @default false
   */
  supportOrdering?: boolean;
  /**
   * What may be done with the topic. Anything but Active makes senders fail until it is changed back.
   * @default Active
   */
  status?: TopicStatus;
  /**
   * A note that is kept with the topic, up to 1024 characters. Everyone who may read the topic's settings sees it.
   * @default none
   */
  userMetadata?: string;
}

/**
 * A subscription of a topic. Its key in the map is its name: 1 to 50 letters, digits, `.`, `-`, `_`. Standard and
 * Premium; every change in place where nothing else is said.
 *
 * Left out: client affinity (`isClientAffine`), as JMS clients make such subscriptions themselves, with their client id
 * in the name; and a window of duplicate detection, which Azure takes and the topic alone has.
 */
export interface SubscriptionArgs {
  /**
   * Which messages it gets, by name of the rule (1 to 50 letters, digits, `.`, `-`, `_`): those that any of them
   * matches, once for each that has an action. A topic takes 2000 SQL and 100000 correlation filters. Azure's own rule,
   * `$Default`, matches none where there are others; under its name it can be given another condition. A change holds
   * for messages that are sent after it.
   * @default every message
   */
  rules?: { [name: string]: RuleArgs };
  /**
   * How long a received message stays locked, in whole seconds, 5 to 300 (PT5S to PT5M). A message that is not settled
   * or renewed by then is delivered again. A change holds for locks that are taken after it.
   * @default 60
   */
  lockDurationSeconds?: number;
  /**
   * Deliveries of a message before it is dead-lettered, 1 to 2000. Lowering it dead-letters, at their next delivery,
   * messages that have had more.
   * @default 10
   */
  maxDeliveryCount?: number;
  /**
   * True where order is kept within sessions; a message without a session id, of at most 128 characters, is then
   * dead-lettered. A subscription with sessions can forward its dead letters, not its messages.
   * Changing this replaces the subscription and loses its messages and the state of its sessions.
   * @default false
   */
  requiresSession?: boolean;
  /**
   * How long a message is kept, in whole seconds, from 1, at most as long as the topic keeps it. A change holds for
   * messages that are sent after it; lowering it makes them expire sooner.
   * @default as long as the topic keeps it
   */
  timeToLiveSeconds?: number;
  /**
   * True where an expired message goes to the dead-letter queue, false where it is deleted. Changing it to false loses
   * the messages that expire from then on.
   * @default true
   */
  deadLetterOnExpiration?: boolean;
  /**
   * True where a message whose rule fails goes to the dead-letter queue, false where it is deleted. Changing it to false
   * loses the messages whose rule fails from then on.
   * @default true
   */
  deadLetterOnFilterError?: boolean;
  /**
   * Queue or topic of this namespace that every message is moved on to, over at most 4 hops; not with `requiresSession`
   * or `autoDeleteOnIdleSeconds`. Setting it closes the subscription to receivers and moves what is in it. Where the
   * target has sessions, messages without a session id go to this subscription's transfer dead-letter queue.
   * @default none
   */
  forwardTo?: string;
  /**
   * Queue or topic of this namespace that dead letters are moved on to, over at most 4 hops. Setting it moves the dead
   * letters that are there too; whoever reads them here finds them gone.
   * @default none: they stay in the subscription's own dead-letter queue
   */
  forwardDeadLettersTo?: string;
  /**
   * The subscription is deleted, with its messages, after so many whole seconds without a receive, a peek or a change,
   * from 300 (PT5M); messages that come in are no use of it. Not with `forwardTo`. What Azure deleted is made anew at
   * the next deployment after a refresh, and has missed what was sent between.
   * @default never
   */
  autoDeleteOnIdleSeconds?: number;
  /**
   * True where the service gathers writes to its store for up to 20 ms. It makes the subscription faster and single
   * messages a little slower.
   * @default true
   */
  enableBatchedOperations?: boolean;
  /**
   * What may be done with the subscription. Anything but Active makes receivers fail until it is changed back; messages
   * are collected, and fill the topic.
   * @default Active
   */
  status?: SubscriptionStatus;
  /**
   * A note that is kept with the subscription, up to 1024 characters. Everyone who may read its settings sees it.
   * @default none
   */
  userMetadata?: string;
}

/**
 * A rule of a subscription: either `sql` or `correlation`, and what it does to a message that matches. Standard and
 * Premium. Every change is in place, and holds for messages that are sent after it. SQL is seen before deployment to be
 * of the right length, and its text, names and brackets to end; whether it is right only the service says.
 */
export interface RuleArgs {
  /**
   * Condition in the service's SQL, 1 to 1024 characters: `sys.Label = 'order' AND amount > 100`.
   * @default none
   */
  sql?: string;
  /**
   * Values that the message must have, all of them; much cheaper than `sql`.
   * @default none
   */
  correlation?: CorrelationArgs;
  /**
   * What is done to the copy of a message that matches, up to 1024 characters and 32 expressions:
   * `SET priority = 'high'`. Each rule with an action that matches makes a copy of its own.
   * @default nothing
   */
  action?: string;
}

/** Values that a message must have, as they are written, in the same case; at least one. */
export interface CorrelationArgs {
  /**
   * Content type, `application/json`.
   * @default any
   */
  contentType?: string;
  /**
   * Correlation id: in an answer, the id of the request.
   * @default any
   */
  correlationId?: string;
  /**
   * Message id, up to 128 characters.
   * @default any
   */
  messageId?: string;
  /**
   * Where the answer goes.
   * @default any
   */
  replyTo?: string;
  /**
   * Session of the answer, up to 128 characters.
   * @default any
   */
  replyToSessionId?: string;
  /**
   * Session, up to 128 characters.
   * @default any
   */
  sessionId?: string;
  /**
   * The message's subject, which the service calls label.
   * @default any
   */
  subject?: string;
  /**
   * Whom it is for.
   * @default any
   */
  to?: string;
  /**
   * Application properties that are text, by name. One that is a number or a flag matches only in `sql`.
   * @default any
   */
  properties?: { [name: string]: string };
}
