import { BrokerError, BrokerErrorCode, entityNotFound } from "../core/errors.js";
import type { Namespace } from "../core/namespace.js";
import type { Answer, Request, StatusNames } from "./requests.js";

/** The address of claims-based security. */
export const CBS = "$cbs";
const PUT_TOKEN = "put-token";
const MANAGEMENT_SUFFIX = /\/\$management$/i;

export const CBS_STATUS: StatusNames = {
  code: "status-code",
  description: "status-description",
  condition: "error-condition",
};

/** The entity that an audience such as `sb://host/queue/$management` names; empty for the namespace itself. */
function entityIn(audience: string): string {
  const path = audience.replace(/^[a-z]+:\/\/[^/]*/i, "").replace(MANAGEMENT_SUFFIX, "");
  return decodeURIComponent(path).replace(/^\/+|\/+$/g, "");
}

/**
 * Takes a token. Any will do: whoever reaches the loopback port may use the broker. An audience that names nothing is
 * refused as the service refuses it, which is how clients learn of a missing entity.
 */
export function answerCbs(request: Request, namespace: Namespace): Answer {
  if (request.operation !== PUT_TOKEN) {
    throw new BrokerError(
      BrokerErrorCode.NotImplemented,
      `$cbs knows ${PUT_TOKEN}, it was asked for '${request.operation}'.`,
    );
  }
  const audience = String(request.properties["name"] ?? "");
  const entity = entityIn(audience);
  if (entity !== "" && namespace.find(entity) === undefined) {
    throw entityNotFound(audience.replace(MANAGEMENT_SUFFIX, ""));
  }
  return { status: 202, description: "Accepted" };
}
