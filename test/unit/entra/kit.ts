import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WorkloadIdentityCredential } from "@azure/identity";
import { type EntraOptions, EntraStandIn, type ExchangeEvent } from "../../../stacks/local/entra/index.js";
import { ServiceAccountIssuer, type TokenRequest } from "../../../stacks/local/providers/kubernetes/index.js";

export const TENANT = "00000000-0000-4000-8000-000000000002";
export const CLIENT = "11111111-1111-4111-8111-111111111111";
export const PRINCIPAL = "22222222-2222-4222-8222-222222222222";
export const AUDIENCE = "api://AzureADTokenExchange";
export const ISSUER = "https://issuer.stowage.invalid/";
export const SUBJECT = "system:serviceaccount:stowage:renders";
export const SCOPE = "https://servicebus.azure.net//.default";
const IDENTITY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/renders";

/** Entra's stand-in with one identity that is federated to one service account of one cluster. */
export class EntraKit {
  readonly log: ExchangeEvent[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), "stowage-entra-"));

  private constructor(
    readonly entra: EntraStandIn,
    readonly cluster: ServiceAccountIssuer,
  ) {}

  static async open(options: Partial<EntraOptions> = {}): Promise<EntraKit> {
    const cluster = new ServiceAccountIssuer(ISSUER);
    const keysOf = (issuer: string) => (issuer === cluster.url ? cluster.keySet : undefined);
    const log = (event: ExchangeEvent) => kit.log.push(event);
    const kit: EntraKit = new EntraKit(
      await EntraStandIn.create({ tenantId: TENANT, keysOf, log, ...options }),
      cluster,
    );
    await kit.entra.listen();
    kit.register({});
    return kit;
  }

  get directory() {
    return this.entra.directory;
  }

  /** Registers the identity anew, with what differs in its federated credential. */
  register(change: { issuer?: string; subject?: string; audiences?: string[] }): void {
    const application = { tenantId: TENANT, clientId: CLIENT, principalId: PRINCIPAL, name: "stowage-renders" };
    this.directory.putApplication(IDENTITY, application);
    const credential = { issuer: ISSUER, subject: SUBJECT, audiences: [AUDIENCE], ...change };
    this.directory.putCredential(IDENTITY, "service-account", credential);
  }

  dropCredential(): void {
    this.directory.deleteCredential(IDENTITY, "service-account");
  }

  dropIdentity(): void {
    this.directory.deleteApplication(IDENTITY);
  }

  /** A token of the service account, as it is projected into its pods. */
  async assertion(change: Partial<TokenRequest> = {}, cluster = this.cluster): Promise<string> {
    const request = { namespace: "stowage", serviceAccount: "renders", audience: AUDIENCE, expirationSeconds: 3_600 };
    return (await cluster.issue({ ...request, ...change })).token;
  }

  /** The unmodified credential of the Azure SDK, as a pod has it; it trusts the authority and nothing is asked of Microsoft. */
  credential(assertion: string, clientId = CLIENT, tenantId = TENANT): WorkloadIdentityCredential {
    const tokenFilePath = join(this.folder, "token");
    writeFileSync(tokenFilePath, assertion);
    return new WorkloadIdentityCredential({
      ...{ tenantId, clientId, tokenFilePath },
      authorityHost: this.entra.authorityHost,
      disableInstanceDiscovery: true,
      retryOptions: { maxRetries: 0 },
      tlsOptions: { ca: this.entra.authority.cert },
    });
  }

  /** What the credential rejects with, as text; fails where it does not. */
  async refusal(assertion: string, clientId = CLIENT, tenantId = TENANT): Promise<string> {
    const token = await this.credential(assertion, clientId, tenantId)
      .getToken(SCOPE)
      .catch((error: unknown) => String(error));
    if (typeof token === "string") return token;
    throw new Error("a token was issued");
  }

  /** Asks without a client of the SDK. */
  ask(method: string, path: string, body = ""): Promise<{ status: number; body: Record<string, unknown> }> {
    const url = new URL(path, this.entra.authorityHost);
    return new Promise((resolve, reject) => {
      const asked = request(url, { method, ca: this.entra.authority.cert }, (response) => {
        let text = "";
        response.on("data", (part: Buffer) => {
          text += part.toString();
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) }));
      });
      asked.once("error", reject);
      asked.end(body);
    });
  }

  async close(): Promise<void> {
    await this.entra.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
