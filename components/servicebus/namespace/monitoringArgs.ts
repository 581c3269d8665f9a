import type * as pulumi from "@pulumi/pulumi";

/** A log of a namespace. */
export const NamespaceLog = {
  /** Changes of the namespace and its entities. */
  Operational: "OperationalLogs",
  /** Connections that network rules let in or refused. Premium only. */
  Network: "VNetAndIPFilteringLogs",
  /** Who did what with messages, by identity and address. Premium only. */
  RuntimeAudit: "RuntimeAuditLogs",
  /** Counts of messages by client. */
  ApplicationMetrics: "ApplicationMetricsLogs",
  /** Errors of clients, throttling and exceeded quotas. */
  DiagnosticErrors: "DiagnosticErrorLogs",
} as const;
export type NamespaceLog = (typeof NamespaceLog)[keyof typeof NamespaceLog];

/**
 * Where logs and metrics go: at least one of the three. Its key in the map ends its name. At most 5 for a namespace, on
 * every tier. Each setting is changed in place: what is recorded already stays where it is.
 */
export interface DiagnosticsArgs {
  /** Resource id of a Log Analytics workspace, of any region. */
  workspaceId?: pulumi.Input<string>;
  /**
   * Resource id of a storage account in the region of the namespace. The second namespace of geo-disaster recovery lies
   * in another region and does not use it.
   */
  storageAccountId?: pulumi.Input<string>;
  /**
   * Resource id of an authorization rule of an Event Hubs namespace in the region of the bus. The second namespace of
   * geo-disaster recovery does not use it.
   */
  eventHubAuthorizationRuleId?: pulumi.Input<string>;
  /**
   * Event hub to write to. Needs `eventHubAuthorizationRuleId`.
   * @default one that Azure makes for each log
   */
  eventHubName?: string;
  /**
   * Which logs; `[]` for none.
   * @default all that the tier has
   */
  logs?: NamespaceLog[];
  /**
   * True where metrics go there as well. Azure sends them without their dimensions: not by entity.
   * @default true
   */
  metrics?: boolean;
  /**
   * True where each log has a table of its own in the workspace, false for the common table `AzureDiagnostics`. What is
   * written already stays where it is.
   * @default true
   */
  dedicatedTables?: boolean;
}

/** One alert. Each setting is changed in place; an alert that was raised is judged anew. */
export interface AlertArgs {
  /** The alert is raised above this, from 0. */
  threshold: number;
  /**
   * How far back is looked, in seconds: 60, 300, 900, 1800, 3600, 21600, 43200 or 86400.
   * @default 300
   */
  windowSeconds?: number;
  /**
   * How often is looked, in seconds: 60, 300, 900, 1800 or 3600, at most the window.
   * @default 60
   */
  everySeconds?: number;
  /**
   * Severity, 0 (critical) to 4 (verbose).
   * @default 2
   */
  severity?: number;
  /**
   * Queues and topics that are looked at, each by itself; 1 to 50 of them.
   * @default every queue and topic, each by itself
   */
  entities?: string[];
}

/**
 * Alerts on the metrics of the namespace, on every tier. Azure has no metric of a message's age: the alert on that is the
 * worker's, `monitoring.messageAge`.
 */
export interface NamespaceAlertsArgs {
  /**
   * Resource ids of the action groups that are told; 1 to 5. Changed in place.
   */
  actionGroupIds: pulumi.Input<string>[];
  /** Messages in the dead-letter queue of a queue, or of a topic's subscriptions: the most in the window. */
  deadLetters?: AlertArgs;
  /** Messages that wait for a receiver: the mean over the window. */
  activeMessages?: AlertArgs;
  /** Requests that were throttled, in all of the window. */
  throttledRequests?: AlertArgs;
  /** Requests that failed by an error of the service, in all of the window. */
  serverErrors?: AlertArgs;
}

/**
 * Autoscaling of messaging units by the processor's load. Premium only. Units go up and down by Azure's own steps. Each
 * setting is changed in place; fewer units may throttle.
 */
export interface AutoscaleArgs {
  /** Fewest units: one of 1, 2, 4, 8, 16, each times the partitions. */
  minUnits: number;
  /** Most units, by the same rule, above `minUnits`. Azure bills what is in use. */
  maxUnits: number;
  /**
   * Load in percent above which there are more units, 10 to 95.
   * @default 75
   */
  scaleOutPercent?: number;
  /**
   * Load in percent below which there are fewer, from 1; less than half of `scaleOutPercent`, as half of the units have
   * twice the load, and they would go up and down for ever.
   * @default 25
   */
  scaleInPercent?: number;
  /**
   * Over how long the load is averaged, in seconds, 300 to 43200 in whole minutes.
   * @default 600
   */
  windowSeconds?: number;
  /**
   * How long nothing is changed after a change, in seconds, 60 to 604800 in whole minutes.
   * @default 300
   */
  cooldownSeconds?: number;
}
