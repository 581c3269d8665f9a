import { randomBytes } from "node:crypto";
import { AccessRight } from "../core/access.js";
import type { SharedAccessPolicy } from "../core/sharedAccess.js";
import { child, children, element, textElement, textOf, type XmlElement, type XmlValue } from "./xml.js";

const KEY_BYTES = 32;
const CLAIM_TYPE = "SharedAccessKey";
const RIGHTS: Readonly<Record<AccessRight, string>> = { send: "Send", listen: "Listen", manage: "Manage" };

/** A shared access policy, its times taken from its entity. */
function writePolicy(policy: SharedAccessPolicy, createdAt: number, updatedAt: number): string {
  const rights = policy.rights.map((right) => textElement("AccessRights", RIGHTS[right])).join("");
  return element(
    "AuthorizationRule",
    [
      textElement("ClaimType", CLAIM_TYPE),
      textElement("ClaimValue", "None"),
      element("Rights", rights),
      textElement("CreatedTime", new Date(createdAt).toISOString()),
      textElement("ModifiedTime", new Date(updatedAt).toISOString()),
      textElement("KeyName", policy.name),
      textElement("PrimaryKey", policy.primaryKey),
      policy.secondaryKey === undefined ? "" : textElement("SecondaryKey", policy.secondaryKey),
    ].join(""),
    ' i:type="SharedAccessAuthorizationRule"',
  );
}

export function writePolicies(policies: readonly SharedAccessPolicy[], createdAt: number, updatedAt: number): string {
  const content = policies.map((policy) => writePolicy(policy, createdAt, updatedAt)).join("");
  return element("AuthorizationRules", content);
}

function readRight(value: XmlValue, problems: string[]): AccessRight[] {
  const text = textOf(value);
  const right = Object.values(AccessRight).find((known) => RIGHTS[known].toLowerCase() === text.toLowerCase());
  if (right === undefined) {
    problems.push(`AuthorizationRules: '${text}' is no right: ${Object.values(RIGHTS).join(", ")} are.`);
    return [];
  }
  return [right];
}

/** Reads the policies of an entity; a key that is not said is made, as the service does. */
export function readPolicies(rules: XmlElement | undefined, problems: string[]): SharedAccessPolicy[] {
  return children(rules, "AuthorizationRule").flatMap((value) => {
    const rule = child({ rule: value }, "rule");
    const claimType = textOf(rule?.["ClaimType"]) || CLAIM_TYPE;
    if (claimType !== CLAIM_TYPE) {
      problems.push(`AuthorizationRules: the claim type '${claimType}' is not known: ${CLAIM_TYPE} is.`);
    }
    const rights = children(child(rule, "Rights"), "AccessRights").flatMap((right) => readRight(right, problems));
    return {
      name: textOf(rule?.["KeyName"]),
      rights,
      primaryKey: textOf(rule?.["PrimaryKey"]) || newKey(),
      secondaryKey: textOf(rule?.["SecondaryKey"]) || newKey(),
    };
  });
}

function newKey(): string {
  return randomBytes(KEY_BYTES).toString("base64");
}
