// The JavaScript client, as its users use it: run by node's own test runner, in the namespace that the environment names.
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import * as k8s from "@kubernetes/client-node";

const namespace = process.env.NAMESPACE;
const config = new k8s.KubeConfig();
config.loadFromFile(process.env.KUBECONFIG);
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);
const options = { timeout: 60_000 };

const configMap = (name, data, labels) => ({ metadata: { name, labels }, data });
const deployment = (name) => ({
  metadata: { name },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "web", image: "web:1" }] } },
  },
});
const as = (strategy) => k8s.setHeaderOptions("Content-Type", strategy);

/** A promise with its resolve, for callbacks that tell of an end. */
function promise() {
  let resolve;
  const made = new Promise((done) => (resolve = done));
  return [made, resolve];
}

/** The error that a promise fails with. */
async function failure(promised) {
  try {
    await promised;
  } catch (error) {
    return error;
  }
  return assert.fail("it did not fail");
}

test("crud", options, async () => {
  const body = configMap("crud", { a: "b" }, { color: "red" });
  const made = await core.createNamespacedConfigMap({ namespace, body });
  assert.ok(made.metadata.uid);
  assert.ok(made.metadata.creationTimestamp instanceof Date);
  const read = await core.readNamespacedConfigMap({ namespace, name: "crud" });
  assert.deepEqual(read, made);
  read.data.c = "d";
  const replaced = await core.replaceNamespacedConfigMap({ namespace, name: "crud", body: read });
  assert.deepEqual(replaced.data, { a: "b", c: "d" });
  const found = await core.listNamespacedConfigMap({ namespace, labelSelector: "color=red", limit: 5 });
  assert.deepEqual(found.items.map((each) => each.metadata.name), ["crud"]);
  const gone = await core.deleteNamespacedConfigMap({ namespace, name: "crud" });
  assert.equal(gone.status, "Success");
});

test("types", options, async () => {
  const data = { key: Buffer.from("secret").toString("base64") };
  const secret = await core.createNamespacedSecret({ namespace, body: { metadata: { name: "types" }, data } });
  assert.deepEqual([secret.type, secret.data], ["Opaque", data]);
  const spec = { selector: { app: "web" }, ports: [{ port: 80, targetPort: "http" }] };
  const service = await core.createNamespacedService({ namespace, body: { metadata: { name: "types" }, spec } });
  assert.equal(service.spec.ports[0].targetPort, "http");
  assert.match(service.spec.clusterIP, /^\d+\./);
  const quantity = { name: "quota", spec: { hard: { pods: "7", "requests.memory": "1Gi" } } };
  const body = { metadata: { name: quantity.name }, spec: quantity.spec };
  const quota = await core.createNamespacedResourceQuota({ namespace, body });
  assert.deepEqual(quota.spec.hard, quantity.spec.hard);
  await core.deleteNamespacedResourceQuota({ namespace, name: quantity.name });
});

test("patch", options, async () => {
  await apps.createNamespacedDeployment({ namespace, body: deployment("patch") });
  const patch = (strategy, body) =>
    apps.patchNamespacedDeployment({ namespace, name: "patch", body }, as(strategy));
  const containers = (name, image) => ({ spec: { template: { spec: { containers: [{ name, image }] } } } });
  const names = (object) => object.spec.template.spec.containers.map((each) => `${each.name} ${each.image}`);
  const json = await patch(k8s.PatchStrategy.JsonPatch, [{ op: "replace", path: "/spec/replicas", value: 3 }]);
  assert.equal(json.spec.replicas, 3);
  const strategic = await patch(k8s.PatchStrategy.StrategicMergePatch, containers("side", "side:1"));
  assert.deepEqual(names(strategic).sort(), ["side side:1", "web web:1"]);
  const merged = await patch(k8s.PatchStrategy.MergePatch, containers("side", "side:2"));
  assert.deepEqual(names(merged), ["side side:2"]);
  const scale = await apps.readNamespacedDeploymentScale({ namespace, name: "patch" });
  scale.spec.replicas = 5;
  await apps.replaceNamespacedDeploymentScale({ namespace, name: "patch", body: scale });
  assert.equal((await apps.readNamespacedDeployment({ namespace, name: "patch" })).spec.replicas, 5);
});

test("objects of any kind", options, async () => {
  const client = k8s.KubernetesObjectApi.makeApiClient(config);
  const head = { apiVersion: "v1", kind: "ConfigMap" };
  const object = { ...head, metadata: { name: "any", namespace }, data: { a: "b" } };
  await client.create(object);
  const patched = await client.patch({ ...object, data: { c: "d" } });
  assert.deepEqual(patched.data, { a: "b", c: "d" });
  const found = await client.list("v1", "ConfigMap", namespace);
  assert.ok(found.items.some((each) => each.metadata.name === "any"));
  await client.delete(object);
  assert.equal((await failure(client.read(object))).code, 404);
});

test("errors", options, async () => {
  const missing = await failure(core.readNamespacedConfigMap({ namespace, name: "none" }));
  assert.ok(missing instanceof k8s.ApiException);
  assert.equal(missing.code, 404);
  assert.equal(JSON.parse(missing.body).message, 'configmaps "none" not found');
  await core.createNamespacedConfigMap({ namespace, body: configMap("errors") });
  const taken = await failure(core.createNamespacedConfigMap({ namespace, body: configMap("errors") }));
  assert.deepEqual([taken.code, JSON.parse(taken.body).reason], [409, "AlreadyExists"]);
  const invalid = await failure(core.createNamespacedConfigMap({ namespace, body: configMap("Not_A_Name") }));
  assert.deepEqual([invalid.code, JSON.parse(invalid.body).details.causes[0].field], [422, "metadata.name"]);
  const old = await core.readNamespacedConfigMap({ namespace, name: "errors" });
  await core.replaceNamespacedConfigMap({ namespace, name: "errors", body: { ...old, data: { a: "b" } } });
  const conflict = await failure(core.replaceNamespacedConfigMap({ namespace, name: "errors", body: old }));
  assert.deepEqual([conflict.code, JSON.parse(conflict.body).reason], [409, "Conflict"]);
});

test("watch", options, async () => {
  const { metadata } = await core.listNamespacedConfigMap({ namespace });
  const seen = [];
  const [ended, end] = promise();
  const [all, complete] = promise();
  const query = { resourceVersion: metadata.resourceVersion, labelSelector: "for=watch", timeoutSeconds: 50 };
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const see = (phase, object) => seen.push(`${phase} ${object.metadata.name}`) === 3 && complete();
  const request = await new k8s.Watch(config).watch(path, query, see, end);
  await core.createNamespacedConfigMap({ namespace, body: configMap("watched", {}, { for: "watch" }) });
  await core.createNamespacedConfigMap({ namespace, body: configMap("unwatched") });
  const body = { data: { a: "b" } };
  await core.patchNamespacedConfigMap({ namespace, name: "watched", body }, as(k8s.PatchStrategy.MergePatch));
  await core.deleteNamespacedConfigMap({ namespace, name: "watched" });
  await all;
  request.abort();
  await ended;
  assert.deepEqual(seen, ["ADDED watched", "MODIFIED watched", "DELETED watched"]);
});

test("a watch that is refused ends with the server's code", options, async () => {
  const [ended, end] = promise();
  await new k8s.Watch(config).watch(`/api/v1/namespaces/${namespace}/nonsense`, {}, () => {}, end);
  assert.equal((await ended).statusCode, 404);
});

test("informer", options, async () => {
  const path = `/api/v1/namespaces/${namespace}/secrets`;
  const label = { for: "informer" };
  const create = (name) => core.createNamespacedSecret({ namespace, body: { metadata: { name, labels: label } } });
  await create("before");
  const list = () => core.listNamespacedSecret({ namespace, labelSelector: "for=informer" });
  const informer = k8s.makeInformer(config, path, list, "for=informer");
  const seen = [];
  const [all, complete] = promise();
  for (const verb of ["add", "update", "delete"]) {
    informer.on(verb, (object) => seen.push(`${verb} ${object.metadata.name}`) === 4 && complete());
  }
  await informer.start();
  await create("after");
  const body = { stringData: { a: "b" } };
  await core.patchNamespacedSecret({ namespace, name: "after", body }, as(k8s.PatchStrategy.StrategicMergePatch));
  await core.deleteNamespacedSecret({ namespace, name: "before" });
  await all;
  assert.deepEqual(seen, ["add before", "add after", "update after", "delete before"]);
  assert.deepEqual(informer.list(namespace).map((each) => each.metadata.name), ["after"]);
  assert.deepEqual(informer.get("after", namespace).data, { a: Buffer.from("b").toString("base64") });
  await informer.stop();
});

test("logs and exec of a pod without a node", options, async () => {
  const spec = { containers: [{ name: "web", image: "web:1" }] };
  await core.createNamespacedPod({ namespace, body: { metadata: { name: "web" }, spec } });
  assert.equal(await core.readNamespacedPodLog({ namespace, name: "web" }), "");
  const out = new PassThrough();
  await new k8s.Log(config).log(namespace, "web", "web", out);
  assert.equal((await out.toArray()).length, 0);
  const refused = await failure(core.readNamespacedPodLog({ namespace, name: "web", container: "other" }));
  assert.deepEqual(
    [refused.code, JSON.parse(refused.body).message],
    [400, "container other is not valid for pod web"],
  );
  const ends = await failure(new k8s.Exec(config).exec(namespace, "web", "web", ["true"], out, out, null, false));
  assert.match(ends.message, /400/);
});

test("namespaces, discovery and version", options, async () => {
  const names = (await core.listNamespace()).items.map((each) => each.metadata.name);
  assert.ok(names.includes(namespace));
  const version = await config.makeApiClient(k8s.VersionApi).getCode();
  assert.equal(`${version.major}.${version.minor}`, "1.36");
  const groups = await config.makeApiClient(k8s.ApisApi).getAPIVersions();
  assert.ok(groups.groups.some((each) => each.name === "apps"));
  const resources = await core.getAPIResources();
  assert.ok(resources.resources.some((each) => each.name === "pods/exec"));
});
