import { describe, expect, it } from "vitest";
import { InvalidInputError } from "../../../runtime/contract/index.js";
import { cassandraYaml } from "../../../stacks/local/cassandra/nodeFiles.js";
import { planChanges, planRing } from "../../../stacks/local/cassandra/plan.js";
import type { KubernetesObject } from "../../../stacks/local/providers/kubernetes/object.js";
import { clusterObject, datacenterObject, PEM_FACTORY } from "./objects.js";

const problemsOf = (object: KubernetesObject): string[] => {
  try {
    planRing(object);
    return [];
  } catch (error) {
    if (error instanceof InvalidInputError) return error.problems.map((p) => `${p.path} ${p.reason}`);
    throw error;
  }
};

describe("a K8ssandraCluster", () => {
  it("asks for passwords unless it says otherwise, as its operator has it", () => {
    const superuser = { namespace: "storage", name: "field-trial-superuser", given: false };
    expect(planRing(clusterObject()).access).toEqual({ authentication: true, authorization: true, superuser });
    expect(planRing(clusterObject()).notHonoured).toEqual([]);
    expect(planRing(clusterObject({ spec: { auth: false } })).access).toEqual({
      authentication: false,
      authorization: false,
    });
  });

  it("may name its superuser's secret", () => {
    const { access } = planRing(clusterObject({ cassandra: { superuserSecretRef: { name: "root" } } }));
    expect(access.superuser).toEqual({ namespace: "storage", name: "root", given: true });
  });

  it("speaks TLS with the PEM files beside its keystores, and says so", () => {
    const stores = { keystoreSecretRef: { name: "node-tls", key: "keystore.jks" } };
    const yaml = {
      client_encryption_options: { enabled: true, optional: false, require_client_auth: true },
      server_encryption_options: { internode_encryption: "dc", require_endpoint_verification: true },
    };
    const plan = planRing(
      clusterObject({ cassandra: { clientEncryptionStores: stores, serverEncryptionStores: stores }, yaml }),
    );
    expect(plan.access).toMatchObject({
      pem: { namespace: "storage", name: "node-tls", keystore: ["tls.key", "tls.crt"], truststore: "ca.crt" },
      client: { enabled: true, optional: false, require_client_auth: false },
      internode: { internode_encryption: "dc", require_endpoint_verification: false },
    });
    const yamlPath = "spec.cassandra.datacenters.0.config.cassandraYaml";
    const pem = "the nodes read tls.key, tls.crt and ca.crt of secret node-tls as PEM, not its keystore";
    expect(plan.notHonoured).toEqual([
      `spec.cassandra.clientEncryptionStores: ${pem}`,
      `${yamlPath}.client_encryption_options.require_client_auth: what looks after the local ring has no certificate of its own`,
      `spec.cassandra.serverEncryptionStores: ${pem}`,
      `${yamlPath}.server_encryption_options.require_endpoint_verification: nodes have loopback addresses here, which their certificate does not name`,
    ]);
  });

  it("whose stores are not turned on is plain, and says so", () => {
    const stores = { keystoreSecretRef: { name: "node-tls", key: "keystore.jks" } };
    const plan = planRing(clusterObject({ cassandra: { clientEncryptionStores: stores } }));
    expect(plan.access.client).toBeUndefined();
    expect(plan.notHonoured).toEqual([
      expect.stringMatching(
        /^spec.cassandra.clientEncryptionStores: .*client_encryption_options does not turn TLS on$/,
      ),
    ]);
  });
});

describe("a CassandraDatacenter", () => {
  it("asks for passwords where its cassandra.yaml does, whatever the package of the class", () => {
    const long = "org.apache.cassandra.auth.PasswordAuthenticator";
    const yaml = { authenticator: { class_name: long }, authorizer: "CassandraAuthorizer", roles_validity: "1s" };
    const plan = planRing(datacenterObject({ yaml, spec: { superuserSecretName: "root" } }));
    expect(plan.access).toEqual({
      authentication: true,
      authorization: true,
      superuser: { namespace: "storage", name: "root", given: true },
    });
    expect(plan.nodes[0]?.settings).toEqual({ roles_validity: "1s" });
    expect(plan.notHonoured).toEqual([]);
    expect(planRing(datacenterObject()).access).toEqual({ authentication: false, authorization: false });
  });

  it("names an authenticator that is not known here", () => {
    const plan = planRing(datacenterObject({ yaml: { authenticator: "org.example.LdapAuthenticator" } }));
    expect(plan.access.authentication).toBe(false);
    expect(plan.notHonoured).toEqual([
      "spec.config.cassandra-yaml.authenticator: the local ring knows PasswordAuthenticator and that all is allowed",
    ]);
  });

  it("speaks TLS with the files that its pods mount, and names what else its pods have", () => {
    const plan = planRing(datacenterObject({ tls: true }));
    expect(plan.access).toMatchObject({
      pem: { namespace: "storage", name: "ring-node-tls", keystore: ["tls-combined.pem"], truststore: "ca.crt" },
      client: { enabled: true, optional: false },
      internode: { internode_encryption: "all", require_client_auth: true },
    });
    expect(plan.notHonoured).toEqual([]);
    const object = datacenterObject({ tls: true });
    const template = object.spec?.["podTemplateSpec"] as { spec: { containers: object[]; tolerations?: object[] } };
    template.spec.tolerations = [];
    template.spec.containers.push({ name: "medusa" });
    const image = "the nodes run from Maven Central's jars, not from an image";
    expect(planRing(object).notHonoured).toEqual([
      `spec.podTemplateSpec.spec.tolerations: ${image}`,
      `spec.podTemplateSpec.spec.containers.1: ${image}`,
    ]);
  });

  it("is refused where its files are mounted from nowhere, or are no PEM, or where rights are looked at and names are not", () => {
    const options = { enabled: true, keystore: "/etc/x/keystore.pem", truststore: "/etc/x/ca.crt", ...PEM_FACTORY };
    const at = "spec.config.cassandra-yaml";
    expect(problemsOf(datacenterObject({ yaml: { client_encryption_options: options } }))).toEqual([
      `${at}.client_encryption_options.keystore must lie in a secret that is mounted into the container cassandra (none)`,
      `${at}.client_encryption_options.truststore must lie in a secret that is mounted into the container cassandra (none)`,
    ]);
    expect(problemsOf(datacenterObject({ yaml: { client_encryption_options: { enabled: true } } }))).toEqual([
      expect.stringContaining("ssl_context_factory.class_name must be org.apache.cassandra.security.PEMBased"),
    ]);
    expect(problemsOf(datacenterObject({ yaml: { authorizer: "CassandraAuthorizer" } }))).toEqual([
      `${at}.authorizer needs the authenticator PasswordAuthenticator`,
    ]);
  });
});

it("guardrails count where passwords are asked for, the limits of timestamps among them", () => {
  const yaml = { maximum_timestamp_fail_threshold: "300000000us", maximum_timestamp_warn_threshold: "60000000us" };
  expect(planRing(clusterObject({ yaml })).nodes[0]?.settings).toEqual(yaml);
  const without = planRing(clusterObject({ yaml, spec: { auth: false } }));
  expect(without.nodes[0]?.settings).toEqual({});
  expect(without.notHonoured).toHaveLength(2);
});

it("a ring that runs does not change who may speak to it", () => {
  const [running, wanted] = [planRing(clusterObject()), planRing(clusterObject({ spec: { auth: false } }))];
  expect(planChanges(running, wanted)).toEqual([expect.stringMatching(/^Who may speak to the nodes cannot change/)]);
});

it("cassandra.yaml names the files that the ring wrote, and what the object says beside them", () => {
  const plan = planRing(datacenterObject({ tls: true }));
  const { client = {}, internode = {} } = plan.access;
  const tls = { keystorePem: "/run/tls/keystore.pem", truststorePem: "/run/tls/truststore.pem", client, internode };
  const [node] = plan.nodes;
  if (node === undefined) throw new Error("the plan has no node");
  const security = { authentication: true, authorization: false, tls };
  expect(cassandraYaml({ ...plan, security }, node, "127.0.9", "/data")).toMatchObject({
    authenticator: "PasswordAuthenticator",
    authorizer: "AllowAllAuthorizer",
    client_encryption_options: { enabled: true, optional: false, keystore: "/run/tls/keystore.pem", ...PEM_FACTORY },
    server_encryption_options: { internode_encryption: "all", truststore: "/run/tls/truststore.pem", ...PEM_FACTORY },
  });
});

it("nodes of several datacenters look for roles beyond their own, unless the object says otherwise", () => {
  const datacenters = ["dc1", "dc2"].map((name) => ({ metadata: { name }, size: 1 }));
  const yamlOf = (cassandra: Record<string, unknown>) => {
    const plan = planRing(clusterObject({ cassandra }));
    const [node] = plan.nodes;
    if (node === undefined) throw new Error("the plan has no node");
    return cassandraYaml({ ...plan, security: { authentication: true } }, node, "127.0.9", "/data");
  };
  expect(yamlOf({ datacenters })).toMatchObject({ auth_read_consistency_level: "QUORUM" });
  expect(yamlOf({})).not.toHaveProperty("auth_read_consistency_level");
  const config = { cassandraYaml: { auth_read_consistency_level: "LOCAL_ONE" } };
  expect(yamlOf({ datacenters, config })).toMatchObject({ auth_read_consistency_level: "LOCAL_ONE" });
});
