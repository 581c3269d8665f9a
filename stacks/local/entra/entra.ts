import { CertificateAuthority, type ServerCertificate } from "./authority.js";
import { type Application, Directory } from "./directory.js";
import {
  EntraError,
  missingParameter,
  unknownApplication,
  unknownResource,
  unknownTenant,
  unsupportedGrant,
  wrongAssertionType,
} from "./errors.js";
import { checkAssertion, type IssuerKeys } from "./federation.js";
import { type EntraAnswer, type EntraRequest, EntraServer } from "./server.js";
import { SERVICE_BUS, type TokenHolder, TokenIssuer } from "./tokens.js";

/** One request for a token, as it stands in the access log. It holds no token. */
export interface ExchangeEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly action: "exchange";
  readonly outcome: "allowed" | "refused";
  /** Name of the application, or the client id that was given. */
  readonly who: string;
  /** What the token is for. */
  readonly resource: string;
  /** Why it was refused: Entra's code and text. */
  readonly reason?: string;
}

export interface EntraOptions {
  /** The tenant that there is, whoever is in it; those of applications are taken too. */
  readonly tenantId: string;
  /** Keys of the issuers whose tokens may be exchanged: a cluster's. Nothing is fetched from other machines. */
  readonly keysOf: IssuerKeys;
  /** Whose certificate the server shows. @default one of its own */
  readonly authority?: CertificateAuthority;
  /** How long an access token holds, 125 to 86400 seconds. @default 3600 */
  readonly tokenLifetimeSeconds?: number;
  /** Told of every request for a token. */
  readonly log?: (event: ExchangeEvent) => void;
  /** Milliseconds since 1970. @default the machine's time */
  readonly now?: () => number;
}

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const GRANT = "client_credentials";

/**
 * Stands in for Entra ID: exchanges the tokens of workloads for access tokens to Service Bus, as
 * `WorkloadIdentityCredential` asks for them. It knows the applications and federated credentials of its directory.
 */
export class EntraStandIn {
  readonly directory = new Directory();
  private port: number | undefined;

  private readonly server: EntraServer;
  private readonly now: () => number;

  private constructor(
    private readonly options: EntraOptions,
    /** Who signs the server's certificate: what clients must trust. */
    readonly authority: CertificateAuthority,
    private readonly tokens: TokenIssuer,
    certificate: ServerCertificate,
  ) {
    this.now = options.now ?? Date.now;
    this.server = new EntraServer(certificate, {
      "GET v2.0/.well-known/openid-configuration": (request) => this.configuration(request),
      "GET discovery/v2.0/keys": () => ({ status: 200, body: tokens.keySet }),
      "POST oauth2/v2.0/token": (request) => this.token(request),
    });
  }

  /** Makes keys and certificates. Throws a RangeError for a lifetime that the Azure clients cannot bear. */
  static async create(options: EntraOptions): Promise<EntraStandIn> {
    const tokens = await TokenIssuer.create(options.tokenLifetimeSeconds);
    const authority = options.authority ?? (await CertificateAuthority.create("Stowage local authority"));
    return new EntraStandIn(options, authority, tokens, await authority.issue());
  }

  /** Starts to listen on a port of the loopback address. @default a free one */
  async listen(port = 0): Promise<void> {
    this.port = await this.server.listen(port);
  }

  /** What AZURE_AUTHORITY_HOST is set to: `https://localhost:PORT/`. */
  get authorityHost(): string {
    return `${this.origin}/`;
  }

  /**
   * Whom an access token speaks for. Throws TokenRefused.
   * @param now milliseconds since 1970
   */
  verify(token: string, now = this.now()): Promise<TokenHolder> {
    return this.tokens.verify(token, (issuer) => this.isIssuer(issuer), now);
  }

  async close(): Promise<void> {
    await this.server.close();
  }

  private get origin(): string {
    if (this.port === undefined) throw new Error("Entra's stand-in has no address before it listens: call listen().");
    return `https://localhost:${this.port}`;
  }

  private hasTenant(tenant: string): boolean {
    return tenant.toLowerCase() === this.options.tenantId.toLowerCase() || this.directory.hasTenant(tenant);
  }

  private issuerOf(tenant: string): string {
    return `${this.origin}/${tenant}/v2.0`;
  }

  private isIssuer(issuer: string): boolean {
    const tenant = issuer.split("/").at(-2) ?? "";
    return issuer === this.issuerOf(tenant) && this.hasTenant(tenant);
  }

  private configuration({ tenant }: EntraRequest): EntraAnswer {
    if (!this.hasTenant(tenant)) return { status: 400, body: unknownTenant(tenant).body(this.now()) };
    const at = `${this.origin}/${tenant}`;
    return {
      status: 200,
      body: {
        issuer: this.issuerOf(tenant),
        authorization_endpoint: `${at}/oauth2/v2.0/authorize`,
        token_endpoint: `${at}/oauth2/v2.0/token`,
        jwks_uri: `${at}/discovery/v2.0/keys`,
        token_endpoint_auth_methods_supported: ["private_key_jwt"],
        grant_types_supported: [GRANT],
        response_types_supported: ["token"],
        subject_types_supported: ["pairwise"],
        id_token_signing_alg_values_supported: ["RS256"],
      },
    };
  }

  private async token({ tenant, form }: EntraRequest): Promise<EntraAnswer> {
    const at = this.now();
    const event = { at, action: "exchange", who: form.get("client_id") ?? "", resource: resourceOf(form) } as const;
    try {
      const application = await this.authenticate(tenant, form);
      const access_token = await this.tokens.sign(application, this.issuerOf(tenant), at);
      const expires_in = this.tokens.lifetimeSeconds;
      this.options.log?.({ ...event, outcome: "allowed", who: application.name });
      return { status: 200, body: { token_type: "Bearer", expires_in, ext_expires_in: expires_in, access_token } };
    } catch (error) {
      if (!(error instanceof EntraError)) throw error;
      const who = this.directory.find(tenant, event.who)?.application.name ?? event.who;
      this.options.log?.({ ...event, outcome: "refused", who, reason: error.message });
      return { status: error.status, body: error.body(at) };
    }
  }

  private async authenticate(tenant: string, form: URLSearchParams): Promise<Application> {
    const field = (name: string): string => {
      const value = form.get(name);
      if (value === null || value === "") throw missingParameter(name);
      return value;
    };
    const [grant, clientId, scope] = [field("grant_type"), field("client_id"), field("scope")];
    if (grant !== GRANT) throw unsupportedGrant(grant);
    const [type, assertion] = [field("client_assertion_type"), field("client_assertion")];
    if (type !== ASSERTION_TYPE) throw wrongAssertionType(type);
    if (!this.hasTenant(tenant)) throw unknownTenant(tenant);
    const found = this.directory.find(tenant, clientId);
    if (found === undefined) throw unknownApplication(clientId, tenant);
    if (resourceOf(form) !== SERVICE_BUS) throw unknownResource(scope, tenant);
    await checkAssertion(assertion, found.credentials, this.options.keysOf, this.now());
    return found.application;
  }
}

/** The resource of a scope: clients ask for `https://servicebus.azure.net//.default`, with two slashes. */
function resourceOf(form: URLSearchParams): string {
  const scopes = (form.get("scope") ?? "").split(" ").filter((each) => each.includes("/"));
  return (scopes[0] ?? "").replace(/\/\.default$/, "").replace(/\/+$/, "");
}
