import type * as pulumi from "@pulumi/pulumi";

/** What an identity may do with an entity. */
export const Right = {
  /** Send messages to a queue or topic. */
  Send: "send",
  /** Receive and settle messages of a queue or subscription. */
  Receive: "receive",
  /**
   * Everything, reading message counts included: what an autoscaler needs, and nobody else. Azure's role for it also
   * allows changing and deleting the entity.
   */
  Manage: "manage",
} as const;
export type Right = (typeof Right)[keyof typeof Right];

/** How far a grant reaches. */
export const GrantScope = {
  /** The entity that it names. */
  Entity: "entity",
  /** Every entity of the namespace, those that come later included. */
  Namespace: "namespace",
} as const;
export type GrantScope = (typeof GrantScope)[keyof typeof GrantScope];

/**
 * One right on one entity: either `queue`, or `topic`, or `topic` with `subscription`. On the whole namespace only where
 * `scope: "namespace"` is said, and then without an entity.
 */
export interface GrantArgs {
  /** Queue, by its name. */
  queue?: string;
  /** Topic, by its name. Receiving is granted on its subscriptions. */
  topic?: string;
  /** Subscription of `topic`. */
  subscription?: string;
  /**
   * `"namespace"` for all entities there are and will be.
   * @default "entity"
   */
  scope?: GrantScope;
  /** What is allowed there. */
  right: Right;
}

/** A namespace that grants are made in. */
export interface GrantNamespaceArgs {
  /** Name of the namespace. It is unique in Azure, and makes the names of role assignments so. */
  namespace: string;
  /** Resource id of the namespace, as `ServiceBus.namespaceId` gives it. Needed for grants of scope `"namespace"`. */
  namespaceId?: pulumi.Input<string>;
  /** Resource ids of its entities by path, as `ServiceBus.entityIds` gives them. */
  entityIds: pulumi.Input<{ [path: string]: pulumi.Input<string> }>;
}

/** The bus that grants are made in. */
export interface GrantBusArgs extends GrantNamespaceArgs {
  /**
   * The namespace that geo-disaster recovery pairs with this one. The pairing copies entities and no grants, so that
   * every grant is made there as well.
   * @default none
   */
  secondary?: GrantNamespaceArgs;
}

/** What an identity is there for: the rights matrix shows it, and who carries messages is refused the right to manage. */
export const IdentityKind = {
  /** Carries messages: receives from its source, sends replies. It never manages. */
  Worker: "worker",
  /** A worker that reads exact counts as well: it manages the entity that it receives from, and no other. */
  Observer: "observer",
  /** Counts messages, and so manages the entity that it counts. */
  Autoscaler: "autoscaler",
  /** Exists outside of the stack, and publishes. It never manages. */
  Producer: "producer",
  /** Runs `pulumi up`. */
  Deployer: "deployer",
  /** Looks after the bus: people, and tools of theirs. */
  Operator: "operator",
} as const;
export type IdentityKind = (typeof IdentityKind)[keyof typeof IdentityKind];

/** What Azure calls the kind of a principal. */
export const PrincipalType = {
  User: "User",
  Group: "Group",
  /** An application or a managed identity. */
  ServicePrincipal: "ServicePrincipal",
} as const;
export type PrincipalType = (typeof PrincipalType)[keyof typeof PrincipalType];

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
   * Issuer of the token, an https URL of at most 600 characters.
   * @default `issuerUrl` of the identity
   */
  issuerUrl?: pulumi.Input<string>;
  /** Subject of the token, 1 to 600 characters without wildcards: `system:serviceaccount:apps:loader`. */
  subject: pulumi.Input<string>;
}

/**
 * The workflows of GitHub Actions that log in as the identity: those of one repository that run for exactly one of
 * `environment`, `branch`, `tag` or pull requests. Azure compares letter by letter, upper and lower case included.
 */
export interface GitHubActionsArgs {
  /** Organization or user that owns the repository, in the letters of GitHub. */
  organization: string;
  /** Name of the repository, without its owner. */
  repository: string;
  /**
   * Number of the organization, digits. With `repositoryId`: the immutable subject `repo:org@1/name@2:…`, which GitHub
   * gives to repositories that are made, renamed or moved since July 2026, and to others on request. Without both: the
   * subject by names. `gh api repos/ORG/NAME/actions/oidc/customization/sub` shows which a repository has.
   * @default none
   */
  organizationId?: string;
  /**
   * Number of the repository, digits. Goes with `organizationId`.
   * @default none
   */
  repositoryId?: string;
  /** Jobs of this environment, whose protection rules say who may run them. The narrowest choice. */
  environment?: string;
  /** Jobs without an environment on this branch, `main`. */
  branch?: string;
  /** Jobs without an environment on this tag, `v1.2.0`. */
  tag?: string;
  /**
   * True for jobs without an environment on every pull request of the repository: whoever may push a branch logs in.
   * @default false
   */
  pullRequest?: boolean;
  /**
   * Issuer of the tokens; another one for an enterprise with an issuer of its own.
   * @default "https://token.actions.githubusercontent.com"
   */
  issuerUrl?: string;
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
  /** What the identity is for, at most 500 characters; it stands in the description of every role assignment. */
  purpose: string;
  /**
   * What the rights matrix calls the identity.
   * @default "worker"
   */
  kind?: IdentityKind;
  /** OIDC issuer of the Kubernetes cluster, an https URL. Needed with `serviceAccount`. */
  issuerUrl?: pulumi.Input<string>;
  /**
   * The service account whose pods log in as the identity.
   * @default none: only `federations` and `githubActions` log in
   */
  serviceAccount?: ServiceAccountArgs;
  /** Further tokens that are taken, by name. Tokens of all kinds are at most 20 (Azure's limit for an identity). */
  federations?: { [name: string]: FederationArgs };
  /** Workflows of GitHub Actions that log in as the identity, by name. They count among the 20. */
  githubActions?: { [name: string]: GitHubActionsArgs };
  /**
   * What the identity may do. Each grant holds for its entity alone.
   * @default nothing
   */
  grants?: GrantArgs[];
  /** Where the grants are made. Needed with `grants`. */
  bus?: GrantBusArgs;
  /** Tags of the identity. */
  tags?: { [name: string]: string };
}

/** A user-assigned managed identity that exists. */
export interface ExistingIdentityArgs {
  /** Its resource group, in the subscription of the provider. */
  resourceGroupName: string;
  /** Its name. */
  name: string;
}

/** A principal that exists: either `principalId` with `principalType`, or `managedIdentity`. */
export interface PrincipalArgs {
  /**
   * Its object id in Entra ID. Of an application it is that of its service principal ("enterprise application"), which
   * is neither the object id of its registration nor its client id.
   */
  principalId?: pulumi.Input<string>;
  /** What the principal is. Needed with `principalId`. */
  principalType?: PrincipalType;
  /** A user-assigned managed identity that is looked up by its name, in place of `principalId`. */
  managedIdentity?: ExistingIdentityArgs;
}

/** Arguments of PrincipalGrants. */
export interface PrincipalGrantsArgs extends PrincipalArgs {
  /** What the principal is allowed this for, at most 500 characters; it stands in every role assignment. */
  purpose: string;
  /**
   * What the rights matrix calls the principal.
   * @default "producer"
   */
  kind?: IdentityKind;
  /** What the principal may do. Each grant holds for its entity alone. */
  grants: GrantArgs[];
  /** Where the grants are made. */
  bus: GrantBusArgs;
}

/** What a right is held on. A right holds for what lies in it as well: a namespace's entities, a topic's subscriptions. */
export const RightsScope = {
  Namespace: "namespace",
  Queue: "queue",
  Topic: "topic",
  Subscription: "subscription",
} as const;
export type RightsScope = (typeof RightsScope)[keyof typeof RightsScope];

/** One row of the rights matrix: who may do what, where. There is one role assignment for each. */
export interface RightsEntry {
  /** Name of the managed identity, or of the component that grants to a principal that exists. */
  identity: string;
  /** What the identity is there for. */
  kind: IdentityKind;
  /** What Azure calls the kind of the principal. */
  principalType: PrincipalType;
  /** Name of the Service Bus namespace. */
  namespace: string;
  /** What the right is held on. */
  scope: RightsScope;
  /** Path of the entity: `renders`, `events/subscriptions/audit`; empty for the namespace. */
  entity: string;
  /** What it may do there. */
  right: Right;
  /** Azure's role that carries the right. */
  role: string;
}
