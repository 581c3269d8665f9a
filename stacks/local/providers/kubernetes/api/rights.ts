import { type KubernetesObject, listAt, textAt } from "../object.js";
import type { ServiceAccount } from "../serviceAccountIssuer.js";
import type { ObjectStore } from "../store.js";

/** What somebody wants to do with a secret. */
export interface SecretAccess {
  verb: string;
  namespace: string;
  name: string;
}

/** The name that a service account has as a user. */
export function userOf({ namespace, name }: ServiceAccount): string {
  return `system:serviceaccount:${namespace}:${name}`;
}

/**
 * Whether the roles that are bound to a service account let it do something with a secret: RoleBindings of the secret's
 * namespace, whatever namespace the account is of, and ClusterRoleBindings.
 */
export function mayAccess(store: Pick<ObjectStore, "get" | "list">, who: ServiceAccount, what: SecretAccess): boolean {
  const bindings = [...store.list("RoleBinding", what.namespace), ...store.list("ClusterRoleBinding")];
  return bindings
    .filter((binding) => listAt(binding, "subjects").some((subject) => isSubject(subject, who)))
    .flatMap((binding) => rulesOf(store, binding))
    .some((rule) => allows(rule, what));
}

function isSubject(subject: unknown, who: ServiceAccount): boolean {
  const name = textAt(subject, "name");
  switch (textAt(subject, "kind")) {
    case "ServiceAccount":
      return name === who.name && textAt(subject, "namespace") === who.namespace;
    case "User":
      return name === userOf(who);
    case "Group":
      return ["system:authenticated", "system:serviceaccounts", `system:serviceaccounts:${who.namespace}`].includes(
        name ?? "",
      );
    default:
      return false;
  }
}

function rulesOf(store: Pick<ObjectStore, "get">, binding: KubernetesObject): unknown[] {
  const [kind, name] = [textAt(binding, "roleRef", "kind") ?? "", textAt(binding, "roleRef", "name") ?? ""];
  const namespace = kind === "Role" ? (binding.metadata.namespace ?? "") : "";
  return listAt(store.get(kind, namespace, name), "rules");
}

function allows(rule: unknown, { verb, name }: SecretAccess): boolean {
  const has = (field: string, value: string) => {
    const values = listAt(rule, field);
    return values.includes(value) || values.includes("*");
  };
  const names = listAt(rule, "resourceNames");
  return (
    has("apiGroups", "") &&
    has("resources", "secrets") &&
    has("verbs", verb) &&
    (names.length === 0 || names.includes(name))
  );
}
