/**
 * An alert on how old messages are when the worker receives them, which Azure has no metric of. Prometheus judges it, and
 * its Alertmanager says whom it tells. It says nothing while nothing is received at all.
 */
export interface MessageAgeAlertArgs {
  /** Age in seconds above which the alert is raised, 1 to 518400 (six days: the worker's buckets end at a week). */
  thresholdSeconds: number;
  /**
   * Of the messages of the last minutes, the share in percent that may be no older, 50 to 99.
   * @default 99
   */
  percentile?: number;
  /**
   * How long it must be so, in seconds, 0 to 86400.
   * @default 300
   */
  forSeconds?: number;
  /**
   * Label `severity` of the alert, by which Alertmanager chooses whom it tells.
   * @default "warning"
   */
  severity?: string;
}

/** What every alert of a worker has. */
export interface StateAlertArgs {
  /**
   * False turns the alert off.
   * @default true
   */
  enabled?: boolean;
  /**
   * How long it must be so, in seconds, 0 to 86400.
   * @default as the alert's own line says
   */
  forSeconds?: number;
  /**
   * Label `severity` of the alert, by which Alertmanager chooses whom it tells.
   * @default as the alert's own line says
   */
  severity?: string;
}

/** An alert on a time. */
export interface TimeAlertArgs extends StateAlertArgs {
  /**
   * The time in seconds at which the alert is raised, 1 to 1209600 (two weeks).
   * @default as the alert's own line says
   */
  thresholdSeconds?: number;
}

/** An alert on what happened within a stretch of time. */
export interface EventAlertArgs extends StateAlertArgs {
  /**
   * It is raised where there were more than so many, 0 to 1000000.
   * @default as the alert's own line says
   */
  threshold?: number;
  /**
   * The stretch in seconds, 60 to 86400; at least four readings of the metrics.
   * @default as the alert's own line says
   */
  windowSeconds?: number;
}

/** An alert on how often one thing happens beside another. */
export interface ShareAlertArgs extends StateAlertArgs {
  /**
   * It is raised above so many in a hundred, 1 to 2000.
   * @default as the alert's own line says
   */
  thresholdPercent?: number;
  /**
   * The stretch in seconds over which both are counted, 60 to 86400; at least four readings of the metrics.
   * @default as the alert's own line says
   */
  windowSeconds?: number;
}

/** An alert on a share that is read as it is. */
export interface PercentAlertArgs extends StateAlertArgs {
  /**
   * It is raised above so many in a hundred, 1 to 100.
   * @default as the alert's own line says
   */
  thresholdPercent?: number;
}

/** An alert on what did not happen within a stretch of time. */
export interface WindowAlertArgs extends StateAlertArgs {
  /**
   * The stretch in seconds, 60 to 86400; at least four readings of the metrics.
   * @default as the alert's own line says
   */
  windowSeconds?: number;
}

/** The alerts on a pipeline's workers. `{}` has all of them as their lines say; each can be turned off. */
export interface WorkerAlertsArgs {
  /**
   * `StowageNoProgress`: messages wait, and no worker received, renewed or settled anything for so long.
   * @default the pipeline's `delivery.noProgressSeconds`, for 60 s, critical
   */
  noProgress?: TimeAlertArgs;
  /**
   * `StowageRecycled`: the watchdog had to replace a receiver or the client.
   * @default more than 0 in 3600 s, for 0 s, warning
   */
  recycled?: EventAlertArgs;
  /**
   * `StowageWorkerAbsent`: Prometheus reads no worker of the pipeline.
   * @default for 300 s, critical; off where the pipeline may have no replica
   */
  absent?: StateAlertArgs;
  /**
   * `StowageWorkerRestarts`: workers end and are started again in their pods.
   * @default more than 2 in 3600 s, for 0 s, warning
   */
  restarts?: EventAlertArgs;
  /**
   * `StowageBusDisconnected`: a worker has no receiver attached to its entity.
   * @default for 300 s, critical
   */
  busDisconnected?: StateAlertArgs;
  /**
   * `StowageStoreDown`: the store was not usable when a worker looked last.
   * @default for 300 s, critical
   */
  storeDown?: StateAlertArgs;
  /**
   * `StowageCircuitOpen`: the store's failure keeps a worker's intake shut.
   * @default for 300 s, warning
   */
  circuitOpen?: StateAlertArgs;
  /**
   * `StowageDeadLetters`: messages were dead-lettered; one alert for each reason.
   * @default more than 0 in 900 s, for 0 s, warning
   */
  deadLetters?: EventAlertArgs;
  /**
   * `StowageDeadLetterAge`: a dead letter lies there for longer than this, and nobody has dealt with it.
   * @default 86400 s, for 300 s, warning
   */
  deadLetterAge?: TimeAlertArgs;
  /**
   * `StowageLockLost`: locks were lost while their messages were in work.
   * @default more than 0 in 900 s, for 0 s, warning
   */
  lockLost?: EventAlertArgs;
  /**
   * `StowageLockShort`: the entity's lock is shorter than the slowest messages in a hundred take.
   * @default for 900 s, warning
   */
  lockShort?: StateAlertArgs;
  /**
   * `StowageQueueAge`: the oldest message waits for longer than this.
   * @default 900 s, for 300 s, warning
   */
  queueAge?: TimeAlertArgs;
  /**
   * `StowageRetriesHigh`: of a hundred deliveries, so many attempts failed and had to be made again.
   * @default 50 percent over 900 s, for 300 s, warning
   */
  retries?: ShareAlertArgs;
  /**
   * `StowageTokenExpiring`: the access token in use ends in less than this. Only where workers log in.
   * @default 300 s, for 60 s, critical
   */
  tokenExpiring?: TimeAlertArgs;
  /**
   * `StowageTokenRefreshFailing`: access tokens were asked for and not given. Only where workers log in.
   * @default more than 2 in 900 s, for 300 s, warning
   */
  tokenRefresh?: EventAlertArgs;
  /**
   * `StowageAuditStalled`: messages are settled and no audit record is written, or records cannot be written. Only with
   * `audit`.
   * @default over 900 s, for 300 s, critical
   */
  audit?: WindowAlertArgs;
  /**
   * `StowageStoreOverloaded`: the ring refused or shed writes as overloaded, which are made again. Only with a cassandra
   * sink.
   * @default more than 0 in 900 s, for 300 s, warning
   */
  storeOverloaded?: EventAlertArgs;
  /**
   * `StowageHotPartition`: so large a share of the last rows went to one partition. Only with a cassandra sink.
   * @default 50 percent, for 900 s, warning
   */
  hotPartition?: PercentAlertArgs;
  /**
   * `StowageEventsOutOfTime`: rows were not written for the sake of their event's time; one alert for each why. Only with
   * a cassandra sink.
   * @default more than 0 in 900 s, for 0 s, warning
   */
  outOfTime?: EventAlertArgs;
}

/** The dashboard of a pipeline: a config map that Grafana's sidecar finds by its label. */
export interface WorkerDashboardArgs {
  /**
   * Labels that the sidecar chooses config maps by.
   * @default { grafana_dashboard: "1" }, as the charts of Grafana have it
   */
  labels?: { [name: string]: string };
  /**
   * Annotations of the config map: `{ grafana_folder: "Stowage" }` puts the dashboard into a folder, where the sidecar
   * has `folderAnnotation`.
   * @default none
   */
  annotations?: { [name: string]: string };
  /**
   * Namespace of the config map, where the sidecar looks into its own alone.
   * @default that of the worker
   */
  namespace?: string;
}

/** Who reads the metrics. */
export interface WorkerMonitoringArgs {
  /** Namespace of Prometheus: the only one that reaches the metrics port. */
  namespace: string;
  /**
   * Labels that Prometheus chooses monitors and rules by.
   * @default none
   */
  labels?: { [name: string]: string };
  /**
   * How often metrics are read, in seconds, 5 to 300.
   * @default 30
   */
  intervalSeconds?: number;
  /**
   * The alert on the age of messages.
   * @default none
   */
  messageAge?: MessageAgeAlertArgs;
  /**
   * The other alerts; `{}` is all of them.
   * @default none
   */
  alerts?: WorkerAlertsArgs;
  /**
   * The dashboard; `{}` is one as the charts of Grafana find it.
   * @default none
   */
  dashboard?: WorkerDashboardArgs;
}
