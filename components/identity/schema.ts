import { because, oneOf, text } from "../../runtime/contract/zod.js";
import { given } from "../support/given.js";
import { flag, mapOf, type Shape, strict, tagsSchema, words, z } from "../support/schema.js";
import {
  type ExistingIdentityArgs,
  type FederationArgs,
  type GitHubActionsArgs,
  type GrantArgs,
  type GrantBusArgs,
  type GrantNamespaceArgs,
  GrantScope,
  IdentityKind,
  type PrincipalArgs,
  type PrincipalGrantsArgs,
  PrincipalType,
  Right,
  type ServiceAccountArgs,
  type WorkloadIdentityArgs,
} from "./args.js";

/** What Azure takes as the name of a managed identity. */
export const IDENTITY_NAME = /^[A-Za-z0-9](?=.{2,127}$)[A-Za-z0-9_-]*$/;

const name = (what: string) => z.exactOptional(words(`the name of ${what}`));

/** One right on one entity. */
export const grantSchema = strict({
  queue: name("a queue"),
  topic: name("a topic"),
  subscription: name("a subscription"),
  scope: z.exactOptional(oneOf(GrantScope)),
  right: oneOf(Right),
} satisfies Shape<GrantArgs>) satisfies z.ZodType<GrantArgs, GrantArgs>;

const grantList = because("must be a list of grants", 'Give [{ queue: "orders", right: "send" }]');
/** Some rights. */
export const grantsSchema = z.array(grantSchema, grantList);
/** Some rights by their shape alone; what each of them is, `grantProblems` says. */
const someGrants = z.array(z.unknown(), grantList);

const httpsOf = (fix: string) => text(/^https:\/\/\S{1,590}$/, "an https URL of at most 600 characters", fix);
const https = httpsOf("Give the issuer of the tokens");
const number = (of: string) =>
  text(/^[1-9]\d{0,18}$/, `the number of ${of}, in quotes`, "Give it as GitHub's API shows it");
const reference = (what: string) =>
  text(
    /^(?!refs\/)[^\s*?~^\\[]{1,250}$/,
    `the name of ${what}, without refs/… and without wildcards; Azure takes none`,
    "Give main for refs/heads/main, or name an environment that several may use",
  );

/** Some workflows. */
export const gitHubActionsSchema = strict({
  organization: text(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$/,
    "the name of an organization or user: 1 to 39 letters, digits, - or _",
    "Give the owner as it stands in the repository's address",
  ),
  repository: text(
    /^[A-Za-z0-9._-]{1,100}$/,
    "the name of a repository without its owner: 1 to 100 letters, digits, . - or _",
    "Leave the owner out",
  ),
  organizationId: z.exactOptional(number("the organization")),
  repositoryId: z.exactOptional(number("the repository")),
  environment: z.exactOptional(
    text(
      /^[^*?\r\n]{1,255}$/,
      "the name of an environment: 1 to 255 characters without * or ?",
      "Name one environment; Azure takes no wildcards",
    ),
  ),
  branch: z.exactOptional(reference("a branch")),
  tag: z.exactOptional(reference("a tag")),
  pullRequest: z.exactOptional(flag()),
  issuerUrl: z.exactOptional(https),
} satisfies Shape<GitHubActionsArgs>) satisfies z.ZodType<GitHubActionsArgs, GitHubActionsArgs>;

/** The keys of a principal that exists. */
export const principalShape = {
  principalId: z.exactOptional(
    given(
      text(
        /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
        "an object id, a GUID",
        "Give the object id as Entra ID shows it; of an application that of its service principal",
      ),
    ),
  ),
  principalType: z.exactOptional(oneOf(PrincipalType)),
  managedIdentity: z.exactOptional(
    strict({
      resourceGroupName: words("the name of a resource group"),
      name: words("the name of a managed identity"),
    } satisfies Shape<ExistingIdentityArgs>),
  ),
} satisfies Shape<PrincipalArgs>;

const namespaceShape = {
  namespace: words("the name of a Service Bus namespace"),
  namespaceId: z.exactOptional(given(words("the id of the namespace"))),
  entityIds: given(mapOf(given(words("the id of an entity")), "ids of entities")),
} satisfies Shape<GrantNamespaceArgs>;

/** Where grants are made. */
export const busSchema = strict({
  ...namespaceShape,
  secondary: z.exactOptional(strict(namespaceShape)),
} satisfies Shape<GrantBusArgs>);

const serviceAccountSchema = strict({
  namespace: given(
    text(
      /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
      "a DNS label: 1 to 63 lower-case letters, digits or -",
      "Give the service account's namespace",
    ),
  ),
  name: text(
    /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/,
    "a DNS name: lower-case letters, digits, - or .",
    "Give the service account's name",
  ),
  create: z.exactOptional(flag()),
} satisfies Shape<ServiceAccountArgs>);

const federationSchema = strict({
  issuerUrl: z.exactOptional(given(httpsOf("Give the token's issuer"))),
  subject: given(
    text(/^[^*?]{1,600}$/, "1 to 600 characters without * or ?; Azure takes no wildcards", "Give the whole subject"),
  ),
} satisfies Shape<FederationArgs>);

/** With right and path it stays below the 1,024 characters that Azure allows a description. */
const purpose = text(/^(?=.*\S)[^\r\n]{1,500}$/, "1 to 500 characters on one line", "Say what the identity is for");

/** What of a WorkloadIdentity is joined with something else, each of which may be left out. */
const joinedShape = {
  kind: z.exactOptional(oneOf(IdentityKind)),
  issuerUrl: z.exactOptional(given(httpsOf("Give the cluster's OIDC issuer"))),
  serviceAccount: z.exactOptional(serviceAccountSchema),
  federations: z.exactOptional(mapOf(federationSchema, "federations")),
  githubActions: z.exactOptional(mapOf(gitHubActionsSchema, "workflows")),
  grants: z.exactOptional(someGrants),
  bus: z.exactOptional(busSchema),
};

/** Shape and ranges of a WorkloadIdentity. */
export const workloadIdentitySchema = strict({
  resourceGroupName: given(words("the name of a resource group")),
  location: given(words("an Azure region")),
  identityName: z.exactOptional(
    text(
      IDENTITY_NAME,
      "3 to 128 letters, digits, - or _, the first a letter or digit",
      "Give identityName a name by Azure's rule",
    ),
  ),
  purpose,
  tags: z.exactOptional(tagsSchema),
  ...joinedShape,
} satisfies Shape<WorkloadIdentityArgs>);

/** The part of it that is joined; whatever else there is, is left out. */
export const joinedSchema = z.object(joinedShape);

/** Shape and ranges of PrincipalGrants; `principalProblems` checks whom they are for. */
export const principalGrantsSchema = strict({
  principalId: z.exactOptional(z.unknown()),
  principalType: z.exactOptional(z.unknown()),
  managedIdentity: z.exactOptional(z.unknown()),
  purpose,
  kind: z.exactOptional(oneOf(IdentityKind)),
  grants: someGrants,
  bus: busSchema,
} satisfies Shape<PrincipalGrantsArgs>);
