import type { PropertyMap, StoredResource } from "../base/index.js";

/** A managed identity, as Azure made it. */
export interface ManagedIdentity {
  name: string;
  tenantId: string;
  clientId: string;
  principalId: string;
}

/** A federated credential of an identity. */
export interface FederatedToken {
  issuer: string;
  subject: string;
  audiences: string[];
}

/** A role that a principal holds somewhere. */
export interface RoleAssignment {
  /** Resource id of what the role is held on; it holds for what lies in it as well. */
  scope: string;
  principalId: string;
  /** Id of the role's definition; its last part is the same in every tenant. */
  roleDefinitionId: string;
  /** When it was made, in milliseconds since 1970. */
  madeAt: number;
}

/**
 * What the life of identities and role assignments brings about: who may log in, and who may do what. Identities and
 * assignments are known by their resource ids. Every operation may come again for what is there (or gone) already.
 */
export interface IdentityEffects {
  putIdentity(id: string, identity: ManagedIdentity): void;
  /** Its federated credentials go with it. */
  deleteIdentity(id: string): void;
  putFederatedCredential(identityId: string, name: string, credential: FederatedToken): void;
  deleteFederatedCredential(identityId: string, name: string): void;
  putRoleAssignment(id: string, assignment: RoleAssignment): void;
  deleteRoleAssignment(id: string): void;
}

const IDENTITY = "azure-native:managedidentity:UserAssignedIdentity";
const CREDENTIAL = "azure-native:managedidentity:FederatedIdentityCredential";
const ASSIGNMENT = "azure-native:authorization:RoleAssignment";

/** Types with such an effect, each after what it lies in. */
export const IDENTITY_ORDER = [IDENTITY, CREDENTIAL, ASSIGNMENT];

/** Makes a resource known. */
export function putIdentity(effects: IdentityEffects, { type, id, outputs }: StoredResource): void {
  if (type === IDENTITY) {
    const [name, tenantId] = [text(outputs, "name"), text(outputs, "tenantId")];
    const [clientId, principalId] = [text(outputs, "clientId"), text(outputs, "principalId")];
    effects.putIdentity(id, { name, tenantId, clientId, principalId });
  } else if (type === CREDENTIAL) {
    const [identityId, name] = partsOf(id);
    const audiences = outputs["audiences"];
    effects.putFederatedCredential(identityId, name, {
      issuer: text(outputs, "issuer"),
      subject: text(outputs, "subject"),
      audiences: Array.isArray(audiences) ? audiences.map(String) : [],
    });
  } else if (type === ASSIGNMENT) {
    effects.putRoleAssignment(id, {
      scope: text(outputs, "scope"),
      principalId: text(outputs, "principalId"),
      roleDefinitionId: text(outputs, "roleDefinitionId"),
      madeAt: Date.parse(text(outputs, "createdOn")),
    });
  }
}

/** Takes back what `putIdentity` made known. */
export function removeIdentity(effects: IdentityEffects, { type, id }: StoredResource): void {
  if (type === IDENTITY) effects.deleteIdentity(id);
  else if (type === CREDENTIAL) effects.deleteFederatedCredential(...partsOf(id));
  else if (type === ASSIGNMENT) effects.deleteRoleAssignment(id);
}

/** The identity of a federated credential, and the credential's name. */
function partsOf(id: string): [identityId: string, name: string] {
  const [identityId = "", name = ""] = id.split(/\/federatedIdentityCredentials\//i);
  return [identityId, name];
}

function text(outputs: PropertyMap, name: string): string {
  const value = outputs[name];
  if (typeof value === "string") return value;
  throw new Error(`the output '${name}' is no text: ${JSON.stringify(value)}`);
}
