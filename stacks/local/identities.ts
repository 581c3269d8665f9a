import type { Directory } from "./entra/index.js";
import type {
  FederatedToken,
  IdentityEffects,
  ManagedIdentity,
  RoleAssignment,
} from "./providers/azure-native/index.js";
import type { LocalRights } from "./rights.js";

/** Lets the life of identities and role assignments reach Entra's directory and the decision on rights. */
export class LocalIdentities implements IdentityEffects {
  constructor(
    private readonly directory: Directory,
    private readonly rights: Pick<LocalRights, "put" | "delete">,
  ) {}

  putIdentity(id: string, identity: ManagedIdentity): void {
    this.directory.putApplication(id, identity);
  }

  deleteIdentity(id: string): void {
    this.directory.deleteApplication(id);
  }

  putFederatedCredential(identityId: string, name: string, credential: FederatedToken): void {
    this.directory.putCredential(identityId, name, credential);
  }

  deleteFederatedCredential(identityId: string, name: string): void {
    this.directory.deleteCredential(identityId, name);
  }

  putRoleAssignment(id: string, assignment: RoleAssignment): void {
    this.rights.put(id, assignment);
  }

  deleteRoleAssignment(id: string): void {
    this.rights.delete(id);
  }
}
