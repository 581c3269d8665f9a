/** The release of Apache Cassandra that runs locally, and that a rendered `serverVersion` is compared with. */
export const CASSANDRA_VERSION = "5.0.7";
