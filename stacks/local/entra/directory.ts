/** A token that is taken for an application: issuer, subject and audience must all be these. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
}

/** An application that logs in: a managed identity, or one that was registered beside the stack. */
export interface Application {
  readonly tenantId: string;
  readonly clientId: string;
  /** Object id: what roles are assigned to. */
  readonly principalId: string;
  /** For messages and the access log. */
  readonly name: string;
}

/**
 * Who there is, and which tokens are taken for them. Applications are found by their client id, federated credentials
 * by the application's key and their own name.
 */
export class Directory {
  private readonly applications = new Map<string, Application>();
  private readonly credentials = new Map<string, Map<string, FederatedCredential>>();

  /** @param key what the application is known by to whoever puts it: its resource id */
  putApplication(key: string, application: Application): void {
    this.applications.set(fold(key), application);
  }

  /** Removes an application, and its credentials with it. */
  deleteApplication(key: string): void {
    this.applications.delete(fold(key));
    this.credentials.delete(fold(key));
  }

  putCredential(key: string, name: string, credential: FederatedCredential): void {
    const those = this.credentials.get(fold(key)) ?? new Map<string, FederatedCredential>();
    this.credentials.set(fold(key), those.set(fold(name), credential));
  }

  deleteCredential(key: string, name: string): void {
    this.credentials.get(fold(key))?.delete(fold(name));
  }

  /** The application of a client id in a tenant, and what is taken for it. */
  find(
    tenantId: string,
    clientId: string,
  ): { application: Application; credentials: FederatedCredential[] } | undefined {
    for (const [key, application] of this.applications) {
      if (fold(application.clientId) !== fold(clientId) || fold(application.tenantId) !== fold(tenantId)) continue;
      return { application, credentials: [...(this.credentials.get(key)?.values() ?? [])] };
    }
    return undefined;
  }

  /** Name of a principal, for people; undefined for one that is not here. */
  nameOf(principalId: string): string | undefined {
    return this.byPrincipal(principalId)?.name;
  }

  /** The application with an object id. */
  byPrincipal(principalId: string): Application | undefined {
    return [...this.applications.values()].find((each) => fold(each.principalId) === fold(principalId));
  }

  /** True where something of the tenant is here. */
  hasTenant(tenantId: string): boolean {
    return [...this.applications.values()].some((each) => fold(each.tenantId) === fold(tenantId));
  }
}

/** ARM's ids and GUIDs are the same whatever their case. */
function fold(text: string): string {
  return text.toLowerCase();
}
