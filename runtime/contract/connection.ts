/**
 * What a worker can only know after deployment. It is written beside the pipeline as plain JSON and
 * checked when its values are known. It never holds a secret.
 */
export interface Connection {
  contractVersion: number;
  serviceBus: ServiceBusConnection;
  /** Set where the sink is LINSTOR. */
  linstor?: LinstorConnection;
  /** Set where the sink is Cassandra. */
  cassandra?: CassandraConnection;
}

export interface ServiceBusConnection {
  /**
   * Host of the namespace, `contoso.servicebus.windows.net`; with a port where it is not the standard one, which no
   * namespace of Azure has.
   */
  fullyQualifiedNamespace: string;
  /**
   * Where the namespace's administration is, HOST:PORT; it is always HTTPS. For `observe` and the `stowage` command, and
   * only where it is not at port 443 of the namespace's host, as it is in Azure.
   * @default the namespace's host
   */
  administration?: string;
  /** True for a broker that is spoken to as Microsoft's emulator is: plain TCP, no identity. Never in Azure. */
  developmentEmulator?: boolean;
  /**
   * False where Microsoft's instance discovery does not know the authority that `AZURE_AUTHORITY_HOST` names (Azure
   * Stack, a disconnected cloud, the local environment): it is then taken as it is, and Microsoft is not asked.
   * @default true
   */
  instanceDiscovery?: boolean;
  /** Client id of the worker's managed identity; absent with `developmentEmulator`. */
  clientId?: string;
}

export interface LinstorConnection {
  /** URLs of the controllers, `http://linstor-controller.storage.svc:3370`; one is active at a time. */
  controllers: string[];
}

/** Port of Cassandra's native protocol, where nothing else is said. */
export const CQL_PORT = 9042;

export interface CassandraConnection {
  /** Hosts that the driver starts from, without port. */
  contactPoints: string[];
  /** Port of the native protocol, 1 to 65535. */
  port: number;
  /** The datacenter whose nodes are local to the worker. */
  localDatacenter: string;
  /** TLS. Without it the ring is spoken to in plaintext. */
  tls?: CassandraTls;
  /** Who the worker is. Without it the ring asks for no password. */
  credentials?: CassandraCredentials;
}

/** How the nodes prove themselves. */
export interface CassandraTls {
  /** Absolute path of a file with the authorities that may sign the nodes' certificates, PEM; read anew when it changes. */
  caFile: string;
  /**
   * Name that the certificates of the nodes must bear; the ring's nodes are reached by addresses.
   * @default the address of each node
   */
  serverName?: string;
}

/** Where a role and its password are. They stand in files, never in a connection. */
export interface CassandraCredentials {
  /**
   * Absolute path of a folder with the files `username` and `password`, as a mounted secret has them; read anew when they
   * change, so that a rotation needs no restart.
   */
  directory: string;
}
