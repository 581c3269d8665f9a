/** Limits that Azure documents for Service Bus; durations in seconds. */
export const ServiceBusLimits = {
  /** Lock of a message or session: PT5S to PT5M. */
  lockDurationSeconds: { min: 5, max: 300 },
  maxDeliveryCount: { min: 1, max: 2000 },
  /** Message id, session id and partition key. */
  idCharacters: 128,
  entityNameCharacters: { min: 1, max: 260 },
  subscriptionNameCharacters: { min: 1, max: 50 },
  deadLetterDescriptionCharacters: 4096,
} as const;

/** Queue and topic names: segments of letters, digits, `.`, `-`, `_`, joined by `/`; ends are alphanumeric or `_`. */
export const ENTITY_NAME = /^(?:[A-Za-z0-9]|[A-Za-z0-9][\w./-]*[A-Za-z0-9_])$/;
