import { because, oneOf, text } from "../../runtime/contract/zod.js";
import { given } from "../support/given.js";
import { flag, type Shape, strict, words, z } from "../support/schema.js";
import {
  type ExistingIdentityArgs,
  type GitHubActionsArgs,
  type GrantArgs,
  GrantScope,
  type PrincipalArgs,
  PrincipalType,
  Right,
} from "./args.js";

const name = (what: string) => z.exactOptional(words(`the name of ${what}`));

/** One right on one entity. */
export const grantSchema = strict({
  queue: name("a queue"),
  topic: name("a topic"),
  subscription: name("a subscription"),
  scope: z.exactOptional(oneOf(GrantScope)),
  right: oneOf(Right),
} satisfies Shape<GrantArgs>) satisfies z.ZodType<GrantArgs, GrantArgs>;

/** Some rights. */
export const grantsSchema = z.array(
  grantSchema,
  because("must be a list of grants", 'Give [{ queue: "orders", right: "send" }]'),
);

const https = text(/^https:\/\/\S{1,590}$/, "an https URL of at most 600 characters", "Give the issuer of the tokens");
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
