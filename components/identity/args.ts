import type * as pulumi from "@pulumi/pulumi";

/** What an identity may do with an entity. */
export const Right = {
  /** Send messages to a queue or topic. */
  Send: "send",
  /** Receive and settle messages of a queue or subscription. */
  Receive: "receive",
  /** Everything, reading message counts included: what an autoscaler needs, and nobody else. */
  Manage: "manage",
} as const;
export type Right = (typeof Right)[keyof typeof Right];

/** One right on one entity: either `queue`, or `topic`, or `topic` with `subscription`. */
export interface GrantArgs {
  /** Queue, by its name. */
  queue?: string;
  /** Topic, by its name. */
  topic?: string;
  /** Subscription of `topic`. */
  subscription?: string;
  /** What is allowed there. */
  right: Right;
}

/** The namespace that grants are made in. */
export interface GrantScopeArgs {
  /** Name of the namespace. It is unique in Azure, and makes the names of role assignments so. */
  namespace: string;
  /** Resource ids of its entities by path, as `ServiceBus.entityIds` gives them. */
  entityIds: pulumi.Input<{ [path: string]: pulumi.Input<string> }>;
}

/** The Kubernetes service account whose pods log in as the identity. */
export interface ServiceAccountArgs {
  /** Its Kubernetes namespace. */
  namespace: pulumi.Input<string>;
  /** Its name. */
  name: string;
  /**
   * True where it is made here, with the annotation that the workload identity webhook reads;
   * false where it exists (an operator's own account) and stays as it is.
   * @default true
   */
  create?: boolean;
}

/** A token of an issuer that is taken for the identity. */
export interface FederationArgs {
  /**
   * Issuer of the token, an https URL.
   * @default the cluster's issuer
   */
  issuerUrl?: pulumi.Input<string>;
  /** Subject of the token, without wildcards: `system:serviceaccount:apps:loader`. */
  subject: pulumi.Input<string>;
}

/** Arguments of WorkloadIdentity. */
export interface WorkloadIdentityArgs {
  /** Resource group of the identity. Changing this replaces the identity and every grant. */
  resourceGroupName: pulumi.Input<string>;
  /** Azure region. */
  location: pulumi.Input<string>;
  /**
   * Name of the managed identity: 3 to 128 letters, digits, `-` or `_`. Changing this replaces it and every grant.
   * @default the component's name
   */
  identityName?: string;
  /** What the identity is for; it stands in the description of every role assignment. */
  purpose: string;
  /** OIDC issuer of the Kubernetes cluster, an https URL. */
  issuerUrl: pulumi.Input<string>;
  /** The service account whose pods log in as the identity. */
  serviceAccount: ServiceAccountArgs;
  /** Further tokens that are taken, by name. With the service account at most 20 (Azure's limit for an identity). */
  federations?: { [name: string]: FederationArgs };
  /**
   * What the identity may do. Each grant holds for its entity alone.
   * @default nothing
   */
  grants?: GrantArgs[];
  /** Where the grants are made. Needed with `grants`. */
  scope?: GrantScopeArgs;
  /** Tags of the identity. */
  tags?: { [name: string]: string };
}

/** One cell of the rights matrix: who may do what, where. */
export interface RightsEntry {
  /** Name of the managed identity. */
  identity: string;
  /** Path of the entity: `renders`, `events/subscriptions/audit`. */
  entity: string;
  /** What it may do there. */
  right: Right;
  /** Azure's role that carries the right. */
  role: string;
}
