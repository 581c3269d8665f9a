import { type Problem, problem } from "../../runtime/contract/index.js";
import type { GitHubActionsArgs } from "./args.js";

/** Who signs the tokens of workflows on github.com. */
const ISSUER = "https://token.actions.githubusercontent.com";
/** What a token is asked for, of which a workflow has exactly one. */
const CONTEXTS = ["environment", "branch", "tag", "pullRequest"] as const;

/** The issuer and the subject of the tokens of some workflows. */
export function gitHubFederation(args: GitHubActionsArgs): { issuerUrl: string; subject: string } {
  return { issuerUrl: args.issuerUrl ?? ISSUER, subject: `repo:${repository(args)}:${context(args)}` };
}

/** `org/name`, or `org@1/name@2` where the subject is immutable. */
function repository({ organization, organizationId, repository: name, repositoryId }: GitHubActionsArgs): string {
  if (organizationId === undefined || repositoryId === undefined) return `${organization}/${name}`;
  return `${organization}@${organizationId}/${name}@${repositoryId}`;
}

function context({ environment, branch, tag }: GitHubActionsArgs): string {
  if (environment !== undefined) return `environment:${escaped(environment)}`;
  if (branch !== undefined) return `ref:refs/heads/${escaped(branch)}`;
  if (tag !== undefined) return `ref:refs/tags/${escaped(tag)}`;
  return "pull_request";
}

/** A colon separates the parts of a subject; GitHub writes one inside a part so. */
function escaped(value: string): string {
  return value.replaceAll(":", "%3A");
}

/** Problems that join several settings; paths are from the args. */
export function gitHubProblems(args: GitHubActionsArgs): Problem[] {
  const found: Problem[] = [];
  const given = CONTEXTS.filter((key) => args[key] !== undefined && args[key] !== false);
  if (given.length !== 1)
    found.push(
      problem(
        "",
        given.length === 0 ? "none of them" : given.join(" and "),
        `must have exactly one of ${CONTEXTS.join(", ")}`,
        "Name an environment: its protection rules say who may run it",
      ),
    );
  if ((args.organizationId === undefined) !== (args.repositoryId === undefined))
    found.push(
      problem(
        args.organizationId === undefined ? "organizationId" : "repositoryId",
        undefined,
        "is missing; an immutable subject has the numbers of both, organization and repository",
        "Give both, or neither",
      ),
    );
  return found;
}
