import * as pulumi from "@pulumi/pulumi";

/**
 * Host, and port where it is not the standard one, of the endpoint that Azure returns for the namespace `own`, under the
 * name that clients use: `https://contoso.servicebus.windows.net:443/` under `contoso-alias` is
 * `contoso-alias.servicebus.windows.net`. A host that is not the namespace's own, as that of a broker on this machine,
 * has no alias and stays as it is.
 */
export function hostOf(endpoint: string, own: string, client: string): string {
  const { host } = new URL(endpoint);
  const label = `${own.toLowerCase()}.`;
  return host.startsWith(label) ? `${client.toLowerCase()}.${host.slice(label.length)}` : host;
}

/** The id that an entity of one namespace has in another. */
export function movedId(entityId: string, namespaceId: string, otherId: string): string {
  return `${otherId}${entityId.slice(namespaceId.length)}`;
}

/** Ids of the entities in the second namespace, by path; each waits for the pairing, which brings the entity there. */
export function secondaryIds(
  ids: Map<string, pulumi.Output<string>>,
  namespaceId: pulumi.Output<string>,
  secondId: pulumi.Output<string>,
  pairing: pulumi.CustomResource,
): Map<string, pulumi.Output<string>> {
  return new Map(
    [...ids].map(([path, id]) => [
      path,
      pulumi
        .all([id, namespaceId, secondId, pairing.id])
        .apply(([entity, first, second]) => movedId(entity, first, second)),
    ]),
  );
}
