import type * as pulumi from "@pulumi/pulumi";

/** Where the private DNS zone comes from that resolves the namespace to its private endpoint. */
export const PrivateDnsSource = {
  /**
   * Made beside the namespace, and linked to the virtual networks that are named. A resource group has one zone of this
   * name: a second bus in it uses the first one's, as `existing`.
   */
  Create: "create",
  /** One that is there, as a hub network has it. */
  Existing: "existing",
  /** None: names are resolved elsewhere, as by a policy of the platform team. */
  None: "none",
} as const;
export type PrivateDnsSource = (typeof PrivateDnsSource)[keyof typeof PrivateDnsSource];

/** The private DNS zone `privatelink.servicebus.windows.net`. */
export interface PrivateDnsArgs {
  /** Where the zone comes from. A change moves the records: names are not resolved for some minutes. */
  source: PrivateDnsSource;
  /** Resource id of the zone. With `source: "existing"`, and only there. */
  zoneId?: pulumi.Input<string>;
  /**
   * Resource ids of the virtual networks whose machines resolve names by the zone, by a key of one's own. With
   * `source: "create"`, at least one. A network has one link to a zone of this name: where it has another already, use
   * that zone. A key that goes takes its link along: machines there resolve the public address.
   */
  virtualNetworkIds?: { [key: string]: pulumi.Input<string> };
}

/** A private endpoint of the namespace. Its key in the map ends its logical name. */
export interface PrivateEndpointArgs {
  /**
   * Resource id of the subnet whose address it takes. It is adopted. Changing this replaces the endpoint: a new one is
   * made before the old one goes, and clients connect anew.
   */
  subnetId: pulumi.Input<string>;
  /**
   * Region of the subnet's virtual network. Changing this replaces the endpoint.
   * @default the namespace's own
   */
  location?: string;
  /**
   * A fixed address in the subnet, IPv4, `10.0.2.10`. Changing this replaces the endpoint, with another address at once.
   * An endpoint under a new key needs another address too: it is made before the one under the old key goes.
   * @default one that Azure chooses
   */
  privateAddress?: string;
  /**
   * True where the namespace's name is resolved to this endpoint, in the zone of `privateDns`. A zone has one record for
   * the namespace, so that one endpoint alone can have it: with geo-replication, the one in the primary region.
   * @default true
   */
  registerDns?: boolean;
}
