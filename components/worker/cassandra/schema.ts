import { type Problem, parseDuration, problem } from "../../../runtime/contract/index.js";
import { because, duration, integer, problemsOf } from "../../../runtime/contract/zod.js";
import { given } from "../../support/given.js";
import { type Shape, strict, words, z } from "../../support/schema.js";
import type {
  CassandraAdministratorArgs,
  CassandraAuthorityArgs,
  CassandraEndpointArgs,
  CassandraTlsArgs,
} from "./args.js";
import { rotationProblems } from "./schedule.js";

const list = (what: string) =>
  given(
    z
      .array(given(words(what)), because(`must be a list: ${what} each`, "Give at least one"))
      .min(1, because("must have at least one entry", `Give ${what}`)),
  );

/** Certificates alone: what stands beside them in a file of the kind, a private key, is for nobody here. */
const CERTIFICATES = /^(?!.*PRIVATE KEY)\s*-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\s*$/s;

const tlsSchema = strict({
  ca: z.exactOptional(given(words("certificates as PEM text"))),
  caSecret: z.exactOptional(
    strict({
      name: given(words("the name of a secret")),
      key: words("the key in the secret"),
    } satisfies Shape<CassandraAuthorityArgs>),
  ),
  serverName: z.exactOptional(given(words("the name in the nodes' certificates"))),
} satisfies Shape<CassandraTlsArgs>);

const administratorSchema = strict({
  namespace: given(words("the namespace of the superuser's secret")),
  secret: given(words("the name of the superuser's secret")),
  rotation: z.exactOptional(duration("1h", "365d")),
  reader: z.exactOptional(given(words("the name of the reader's secret"))),
} satisfies Shape<CassandraAdministratorArgs>);

/** The keys of an endpoint, for who has more of them than a worker. */
export const endpointShape = {
  contactPoints: list("a host"),
  port: z.exactOptional(integer(1, 65_535)),
  localDatacenter: given(words("the datacenter next to the workers")),
  tls: z.exactOptional(tlsSchema),
  administrator: z.exactOptional(administratorSchema),
  credentials: z.exactOptional(given(words("the name of a secret"))),
} satisfies Shape<CassandraEndpointArgs>;

const endpointSchema = strict(endpointShape) satisfies z.ZodType<CassandraEndpointArgs, CassandraEndpointArgs>;

/** What of an endpoint is joined. */
type Access = Pick<CassandraEndpointArgs, "tls" | "administrator" | "credentials">;

/** All problems of an endpoint; paths are from it. */
export function endpointProblems(endpoint: CassandraEndpointArgs): Problem[] {
  const found = problemsOf(endpointSchema, endpoint);
  return found.length > 0 ? found : accessProblems(endpoint);
}

/** What does not go together in how a worker proves who it is, and whom it believes. */
export function accessProblems({ tls, administrator, credentials }: Access): Problem[] {
  const found: Problem[] = [];
  if (tls !== undefined && (tls.ca === undefined) === (tls.caSecret === undefined))
    found.push(
      problem(
        "tls",
        Object.keys(tls),
        "must have exactly one of ca, caSecret",
        "Say which authorities may sign the nodes' certificates",
      ),
    );
  if (administrator !== undefined && credentials !== undefined)
    found.push(
      problem(
        "credentials",
        undefined,
        "goes without administrator, as whom jobs make the pipeline's roles",
        "Remove one of the two",
      ),
    );
  // The text is not shown: it may be a key.
  if (typeof tls?.ca === "string" && !CERTIFICATES.test(tls.ca))
    found.push(
      problem(
        "tls.ca",
        undefined,
        "must be certificates as PEM text, and no private key",
        "Give the text from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
      ),
    );
  const rotation = administrator?.rotation;
  if (rotation !== undefined && parseDuration(rotation) !== undefined)
    found.push(...rotationProblems("administrator.rotation", rotation));
  return found;
}
