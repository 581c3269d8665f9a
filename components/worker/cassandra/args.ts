import type * as pulumi from "@pulumi/pulumi";

/** Where a Cassandra driver starts from, and how the worker proves who it is. */
export interface CassandraEndpointArgs {
  /** Hosts, without port. */
  contactPoints: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Port of the native protocol, 1 to 65535.
   * @default 9042
   */
  port?: number;
  /** The datacenter next to the worker. */
  localDatacenter: pulumi.Input<string>;
  /**
   * How the nodes prove themselves.
   * @default not at all: the ring is spoken to in plaintext
   */
  tls?: CassandraTlsArgs;
  /**
   * As whom jobs make the tables, the pipeline's own roles and their passwords. The worker then logs in as one of these
   * roles, which may write and read its table alone. Not with `credentials`.
   * @default nobody
   */
  administrator?: CassandraAdministratorArgs;
  /**
   * Secret of the worker's namespace with the keys `username` and `password`, which somebody else makes and changes; the
   * worker picks a change up without a restart. No role and no table is made, nothing is rotated: the schema job only looks
   * whether the table is as the pipeline wants it, and says what is missing. Not with `administrator`.
   * @default none: without `administrator` the ring asks for no password
   */
  credentials?: pulumi.Input<string>;
}

/** Which authorities may sign the certificates of the nodes: exactly one of `ca` and `caSecret`. */
export interface CassandraTlsArgs {
  /** Their certificates, as PEM text. */
  ca?: pulumi.Input<string>;
  /** A secret that has them: of the administrator's namespace where there is an administrator, else of the worker's. */
  caSecret?: CassandraAuthorityArgs;
  /**
   * Name that the certificates of the nodes must bear, since these are reached by addresses.
   * @default the address of each node
   */
  serverName?: pulumi.Input<string>;
}

/** Where the certificates of authorities are. */
export interface CassandraAuthorityArgs {
  /** Name of the secret. */
  name: pulumi.Input<string>;
  /** The key in it, whose value is PEM text. */
  key: string;
}

/** The ring's superuser, as jobs log in: these run in the namespace that its secret is in. */
export interface CassandraAdministratorArgs {
  /** Kubernetes namespace of the secret, and of the jobs. */
  namespace: pulumi.Input<string>;
  /** Secret with the keys `username` and `password`. */
  secret: pulumi.Input<string>;
  /**
   * How often the pipeline's password changes, as a CronJob's schedule can say it: 1h, 2h, 3h, 4h, 6h, 8h or 12h; 1d; 7d
   * for once a week; 30d, 60d, 90d, 120d or 180d for every month, or second, third, fourth or sixth; 365d for once a year.
   * Minute, hour and day follow from the pipeline's name, so that the pipelines of a ring do not all rotate at once.
   * @default "30d"
   */
  rotation?: string;
  /**
   * Secret of the same namespace, without keys at first, that the role for analysis is written to: `stowage_reader`,
   * which may read the pipelines' tables.
   * @default there is no such role
   */
  reader?: pulumi.Input<string>;
}
