import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { defined } from "../../runtime/contract/index.js";
import { AccessLog } from "./accessLog.js";
import { Broker } from "./broker/index.js";
import { type Application, EntraStandIn, type IssuerKeys } from "./entra/index.js";
import { LocalIdentities } from "./identities.js";
import { LocalNamespaces, namespaceInfo } from "./namespaces.js";
import { createAzureNativeStandIn, type IdentityEffects, TENANT, uuidOf } from "./providers/azure-native/index.js";
import type { ProviderStandIn } from "./providers/base/index.js";
import { ServiceAccountIssuer, type WorkloadIdentityWebhook } from "./providers/kubernetes/index.js";
import { LocalRights } from "./rights.js";
import { Closers } from "./run/closers.js";

export interface CloudOptions {
  /** Folder of the run. */
  dir: string;
  /** OIDC issuer of the cluster: what federated credentials trust. */
  issuerUrl: string;
  /** Tenant of the identities. @default that of the stand-in for Resource Manager */
  tenantId?: string | undefined;
  /** How long a new or removed role assignment takes to count, in seconds. @default 0 */
  propagationSeconds?: number;
  /** How long an access token holds, 125 to 86400 seconds. @default 3600 */
  tokenLifetimeSeconds?: number;
  /** Keys of further issuers whose tokens are exchanged: of workflows, for example. @default the cluster's alone */
  keysOf?: IssuerKeys;
  /** What time Entra and the cluster's issuer have, in milliseconds since 1970. @default the machine's */
  now?: () => number;
}

interface CloudParts {
  azure: ProviderStandIn;
  namespaces: LocalNamespaces;
  identities: IdentityEffects;
  entra: EntraStandIn;
  issuer: ServiceAccountIssuer;
  accessLog: AccessLog;
}

/** The only audience that Entra takes in an exchange. */
const AUDIENCE = "api://AzureADTokenExchange";
/** How long the token of a workload outside of the cluster holds, in seconds: longer than traffic is sent. */
const OUTSIDE_SECONDS = 86_400;
/** Kubernetes namespace in the subject of such a workload; no pod is in it. */
const OUTSIDE = "stowage-outside";

/**
 * What stands for Azure on this machine, as far as identities and messages go: Resource Manager, Entra ID, and Service
 * Bus over TLS with the rights that the stack registered. There is no key and no connection string in it.
 */
export class LocalCloud {
  private constructor(
    private readonly options: CloudOptions,
    private readonly closers: Closers,
    private readonly parts: CloudParts,
    /** File with the certificate of the authority that signs for Entra and Service Bus. */
    readonly authorityFile: string,
  ) {}

  /** Starts Entra and Resource Manager; Service Bus starts when the stack makes a namespace. */
  static async start(options: CloudOptions): Promise<LocalCloud> {
    const { dir, issuerUrl, propagationSeconds, tokenLifetimeSeconds } = options;
    const closers = new Closers();
    try {
      const issuer = new ServiceAccountIssuer(issuerUrl, options.now);
      const accessLog = new AccessLog(join(dir, "access.log"));
      const entra = await EntraStandIn.create({
        tenantId: options.tenantId ?? TENANT,
        keysOf: (url) => (url === issuer.url ? issuer.keySet : options.keysOf?.(url)),
        log: (event) => accessLog.add(event),
        ...defined({ tokenLifetimeSeconds, now: options.now }),
      });
      closers.add(() => accessLog.flushed());
      closers.add(() => entra.close());
      await entra.listen();
      const rights = new LocalRights({
        verify: (token, now) => entra.verify(token, now),
        directory: entra.directory,
        ...defined({ propagationSeconds }),
      });
      closers.add(() => rights.close());
      const namespaces = new LocalNamespaces(
        (namespace) =>
          new Broker({
            access: rights.accessTo(namespace.id),
            accessLog: (event) => accessLog.add(event),
            disableLocalAuth: namespace.properties["disableLocalAuth"] === true,
            namespace: namespaceInfo(namespace),
          }),
        await entra.authority.issue(),
      );
      closers.add(() => namespaces.close());
      rights.onChange(() => {
        for (const broker of namespaces.all) broker.accessChanged();
      });
      const identities = new LocalIdentities(entra.directory, rights);
      const azure = await createAzureNativeStandIn({
        stateFile: join(dir, "azure.json"),
        effects: namespaces,
        identities,
        cluster: { oidcIssuerUrl: issuerUrl },
      });
      closers.add(() => azure.close());
      const authorityFile = join(dir, "authority.pem");
      writeFileSync(authorityFile, entra.authority.cert);
      const parts = { azure, namespaces, identities, entra, issuer, accessLog };
      return new LocalCloud(options, closers, parts, authorityFile);
    } catch (error) {
      await closers.close();
      throw error;
    }
  }

  /** Resource Manager, for the engine. */
  get azure(): ProviderStandIn {
    return this.parts.azure;
  }

  get namespaces(): LocalNamespaces {
    return this.parts.namespaces;
  }

  /** Identities and rights, as Resource Manager makes them known. */
  get identities(): IdentityEffects {
    return this.parts.identities;
  }

  get entra(): EntraStandIn {
    return this.parts.entra;
  }

  /** The cluster's issuer of service account tokens. */
  get issuer(): ServiceAccountIssuer {
    return this.parts.issuer;
  }

  get accessLog(): AccessLog {
    return this.parts.accessLog;
  }

  /** What the workload identity webhook of the cluster is installed with. */
  get webhook(): WorkloadIdentityWebhook {
    return { tenantId: this.tenantId, authorityHost: this.entra.authorityHost };
  }

  private get tenantId(): string {
    return this.options.tenantId ?? TENANT;
  }

  /** What a process needs to trust Entra and Service Bus of this run; nothing else of the machine trusts them. */
  get trust(): { [variable: string]: string } {
    return { NODE_EXTRA_CA_CERTS: this.authorityFile };
  }

  /**
   * Registers an application that is not of the stack: a producer, for example. It may log in from then on; what it may
   * do is what roles its principal is assigned.
   */
  register(name: string, principalId: string): Application {
    const application = { tenantId: this.tenantId, clientId: uuidOf(`${principalId}#client`), principalId, name };
    const key = outside(name);
    this.entra.directory.putApplication(key, application);
    const credential = { issuer: this.issuer.url, subject: `system:serviceaccount:${OUTSIDE}:${name}` };
    this.entra.directory.putCredential(key, "workload", { ...credential, audiences: [AUDIENCE] });
    return application;
  }

  /** Variables by which a process logs in as a registered application, as the webhook sets them in a pod. */
  async loginOf(application: Application): Promise<{ [variable: string]: string }> {
    const request = { namespace: OUTSIDE, serviceAccount: application.name, audience: AUDIENCE };
    const { token } = await this.issuer.issue({ ...request, expirationSeconds: OUTSIDE_SECONDS });
    const folder = join(this.options.dir, "logins");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = join(folder, application.name);
    writeFileSync(file, token, { mode: 0o600 });
    return {
      AZURE_CLIENT_ID: application.clientId,
      AZURE_TENANT_ID: application.tenantId,
      AZURE_FEDERATED_TOKEN_FILE: file,
      AZURE_AUTHORITY_HOST: this.entra.authorityHost,
      ...this.trust,
    };
  }

  async close(): Promise<void> {
    await this.closers.close();
  }
}

function outside(name: string): string {
  return `outside/${name}`;
}
