/** What may be done with an entity. */
export const EntityStatus = {
  Active: "Active",
  Disabled: "Disabled",
  SendDisabled: "SendDisabled",
  ReceiveDisabled: "ReceiveDisabled",
} as const;
export type EntityStatus = (typeof EntityStatus)[keyof typeof EntityStatus];

/** A queue. Its key in the map is its name. */
export interface QueueArgs {
  /**
   * How long a received message stays locked, in seconds, 5 to 300 (PT5S to PT5M).
   * @default 60
   */
  lockDurationSeconds?: number;
  /**
   * Deliveries of a message before it is dead-lettered, 1 to 2000.
   * @default 10
   */
  maxDeliveryCount?: number;
  /**
   * True where order is kept within sessions; every message then needs a session id. Standard and Premium.
   * Changing this replaces the queue and loses its messages.
   * @default false
   */
  requiresSession?: boolean;
  /**
   * True where a second message with the same id is dropped within `duplicateDetectionSeconds`. Standard and Premium.
   * Changing this replaces the queue and loses its messages.
   * @default false
   */
  requiresDuplicateDetection?: boolean;
  /**
   * How long ids are remembered, in seconds, 20 to 604800 (P7D). Needs `requiresDuplicateDetection`.
   * @default 600
   */
  duplicateDetectionSeconds?: number;
  /**
   * How long a message is kept, in seconds, from 1. On Basic at most 1209600 (P14D).
   * @default for ever (on Basic 14 days)
   */
  timeToLiveSeconds?: number;
  /**
   * True where an expired message goes to the dead-letter queue, false where it is deleted.
   * @default true
   */
  deadLetterOnExpiration?: boolean;
  /** Queue or topic of this namespace that every message is moved on to. Standard and Premium; not with sessions. */
  forwardTo?: string;
  /** Queue or topic of this namespace that dead letters are moved on to. Standard and Premium. */
  forwardDeadLettersTo?: string;
  /**
   * The queue is deleted after so many seconds without use, from 300 (PT5M).
   * @default never
   */
  autoDeleteOnIdleSeconds?: number;
  /**
   * Size of the queue in megabytes: 1024, 2048, 3072, 4096 or 5120; on Premium, or partitioned, also 10240, 20480,
   * 40960 or 81920.
   * @default 1024
   */
  maxSizeMegabytes?: number;
  /**
   * Size of the largest message in kilobytes, 1024 to 102400. Premium only; below it is 256.
   * @default 1024 on Premium
   */
  maxMessageSizeKilobytes?: number;
  /**
   * True where the queue is spread over several brokers. Basic and Standard.
   * Changing this replaces the queue and loses its messages.
   * @default false
   */
  enablePartitioning?: boolean;
  /**
   * True where the service gathers writes to its store.
   * @default true
   */
  enableBatchedOperations?: boolean;
  /**
   * What may be done with the queue.
   * @default Active
   */
  status?: EntityStatus;
  /** A note that is kept with the queue, up to 1024 characters. */
  userMetadata?: string;
}

/** A topic. Its key in the map is its name. Standard and Premium. */
export interface TopicArgs {
  /** The topic's subscriptions, by name; at least one, or its messages go nowhere. */
  subscriptions?: { [name: string]: SubscriptionArgs };
  /**
   * True where a second message with the same id is dropped within `duplicateDetectionSeconds`.
   * Changing this replaces the topic, its subscriptions, and loses their messages.
   * @default false
   */
  requiresDuplicateDetection?: boolean;
  /**
   * How long ids are remembered, in seconds, 20 to 604800 (P7D). Needs `requiresDuplicateDetection`.
   * @default 600
   */
  duplicateDetectionSeconds?: number;
  /**
   * How long a message is kept, in seconds, from 1; a subscription cannot keep it longer.
   * @default for ever
   */
  timeToLiveSeconds?: number;
  /**
   * The topic is deleted after so many seconds without use, from 300 (PT5M).
   * @default never
   */
  autoDeleteOnIdleSeconds?: number;
  /**
   * Size of the topic in megabytes: 1024, 2048, 3072, 4096 or 5120; on Premium, or partitioned, also 10240, 20480,
   * 40960 or 81920.
   * @default 1024
   */
  maxSizeMegabytes?: number;
  /**
   * Size of the largest message in kilobytes, 1024 to 102400. Premium only; below it is 256.
   * @default 1024 on Premium
   */
  maxMessageSizeKilobytes?: number;
  /**
   * True where the topic is spread over several brokers. Standard only.
   * Changing this replaces the topic, its subscriptions, and loses their messages.
   * @default false
   */
  enablePartitioning?: boolean;
  /**
   * True where the service gathers writes to its store.
   * @default true
   */
  enableBatchedOperations?: boolean;
  /**
   * True where subscriptions get messages in the order in which they were sent.
   * @default false
   */
  supportOrdering?: boolean;
  /**
   * What may be done with the topic.
   * @default Active
   */
  status?: EntityStatus;
  /** A note that is kept with the topic, up to 1024 characters. */
  userMetadata?: string;
}

/** A subscription of a topic. Its key in the map is its name: 1 to 50 letters, digits, `.`, `-`, `_`. */
export interface SubscriptionArgs {
  /**
   * Which messages it gets, by name of the rule: those that any of them matches. Azure's own rule, `$Default`,
   * matches none where there are others; under its name it can be given another condition.
   * @default every message
   */
  rules?: { [name: string]: RuleArgs };
  /**
   * How long a received message stays locked, in seconds, 5 to 300 (PT5S to PT5M).
   * @default 60
   */
  lockDurationSeconds?: number;
  /**
   * Deliveries of a message before it is dead-lettered, 1 to 2000.
   * @default 10
   */
  maxDeliveryCount?: number;
  /**
   * True where order is kept within sessions; every message then needs a session id.
   * Changing this replaces the subscription and loses its messages.
   * @default false
   */
  requiresSession?: boolean;
  /**
   * How long a message is kept, in seconds, from 1.
   * @default as long as the topic keeps it
   */
  timeToLiveSeconds?: number;
  /**
   * True where an expired message goes to the dead-letter queue, false where it is deleted.
   * @default true
   */
  deadLetterOnExpiration?: boolean;
  /**
   * True where a message whose rule fails goes to the dead-letter queue, false where it is deleted.
   * @default true
   */
  deadLetterOnFilterError?: boolean;
  /** Queue or topic of this namespace that every message is moved on to. Not with sessions. */
  forwardTo?: string;
  /** Queue or topic of this namespace that dead letters are moved on to. */
  forwardDeadLettersTo?: string;
  /**
   * The subscription is deleted after so many seconds without use, from 300 (PT5M).
   * @default never
   */
  autoDeleteOnIdleSeconds?: number;
  /**
   * True where the service gathers writes to its store.
   * @default true
   */
  enableBatchedOperations?: boolean;
  /**
   * What may be done with the subscription.
   * @default Active
   */
  status?: EntityStatus;
  /** A note that is kept with the subscription, up to 1024 characters. */
  userMetadata?: string;
}

/** A rule of a subscription: either `sql` or `correlation`, and what it does to a message that matches. */
export interface RuleArgs {
  /** Condition in the service's SQL, up to 1024 characters: `sys.Label = 'order' AND amount > 100`. */
  sql?: string;
  /** Values that the message must have, all of them; much cheaper than `sql`. */
  correlation?: CorrelationArgs;
  /** What is done to the copy of a message that matches, up to 1024 characters: `SET priority = 'high'`. */
  action?: string;
}

/** Values that a message must have; at least one. */
export interface CorrelationArgs {
  /** Content type, `application/json`. */
  contentType?: string;
  /** Correlation id: in an answer, the id of the request. */
  correlationId?: string;
  /** Message id. */
  messageId?: string;
  /** Where the answer goes. */
  replyTo?: string;
  /** Session of the answer. */
  replyToSessionId?: string;
  /** Session. */
  sessionId?: string;
  /** The message's subject, which the service calls label. */
  subject?: string;
  /** Whom it is for. */
  to?: string;
  /** Application properties. */
  properties?: { [name: string]: string };
}
