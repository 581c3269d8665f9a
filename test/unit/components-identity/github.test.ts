import { describe, expect, it } from "vitest";
import { gitHubFederation } from "../../../components/identity/github.js";
import type { GitHubActionsArgs } from "../../../components/identity/index.js";

const repository = { organization: "acme", repository: "stowage" };

/** The subjects are those of GitHub's own documentation of its tokens. */
const subjects: [string, GitHubActionsArgs, string][] = [
  ["an environment", { ...repository, environment: "prod" }, "repo:acme/stowage:environment:prod"],
  [
    "an environment with a colon in its name",
    { ...repository, environment: "Production:V1" },
    "repo:acme/stowage:environment:Production%3AV1",
  ],
  ["a branch", { ...repository, branch: "release/2" }, "repo:acme/stowage:ref:refs/heads/release/2"],
  ["a tag", { ...repository, tag: "v1.2.0" }, "repo:acme/stowage:ref:refs/tags/v1.2.0"],
  ["pull requests", { ...repository, pullRequest: true }, "repo:acme/stowage:pull_request"],
  [
    "an immutable repository",
    { ...repository, organizationId: "123456", repositoryId: "456789", branch: "main" },
    "repo:acme@123456/stowage@456789:ref:refs/heads/main",
  ],
];

describe("the subject of a workflow's token", () => {
  it.each(subjects)("is GitHub's for %s", (_, args, subject) => {
    expect(gitHubFederation(args)).toEqual({ issuerUrl: "https://token.actions.githubusercontent.com", subject });
  });

  it("comes from the enterprise's own issuer where there is one", () => {
    const issuerUrl = "https://token.actions.githubusercontent.com/acme";
    expect(gitHubFederation({ ...repository, environment: "prod", issuerUrl }).issuerUrl).toBe(issuerUrl);
  });
});
