import { because, oneOf, text } from "../../runtime/contract/zod.js";
import { flag, oneNumberOf, type Shape, strict, z } from "../support/schema.js";
import { MinimumTls, PublicAccess, type ServiceBusNamespaceArgs, ServiceBusTier } from "./namespaceArgs.js";

/** Shape and ranges of a namespace; `namespaceProblems` checks what joins its settings. */
export const namespaceSchema = strict({
  name: z.exactOptional(
    text(
      /^[A-Za-z](?=.{5,49}$)[A-Za-z0-9-]*[A-Za-z0-9]$(?<!-sb|-mgmt)/,
      "6 to 50 letters, digits or -, the first a letter, the last a letter or digit, not ending in -sb or -mgmt",
      "Use a name by Azure's rule",
    ),
  ),
  tier: oneOf(ServiceBusTier),
  capacity: z.exactOptional(oneNumberOf([1, 2, 4, 8, 16], "messaging units")),
  minimumTls: z.exactOptional(oneOf(MinimumTls)),
  disableLocalAuth: z.exactOptional(flag()),
  publicAccess: z.exactOptional(oneOf(PublicAccess)),
  ipRules: z.exactOptional(
    z.array(
      text(
        /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$|\/)|(?=$|\/))){4}(?:\/(?:[12]?\d|3[0-2]))?$/,
        "an IPv4 address or range",
        "Give an address such as 203.0.113.7, or a range such as 203.0.113.0/28",
      ),
      because("must be a list of IPv4 addresses or ranges", "Give [] for none"),
    ),
  ),
  trustedServices: z.exactOptional(flag()),
  zoneRedundant: z.exactOptional(flag()),
} satisfies Shape<ServiceBusNamespaceArgs>) satisfies z.ZodType<ServiceBusNamespaceArgs, ServiceBusNamespaceArgs>;
