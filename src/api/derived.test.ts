/** What is derived from the real kinds: decoding to OpenAPI, for all of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { AnyObject } from '#meta/object-meta.ts';
import { decode } from '#schema/decode.ts';
import { applyDefaults } from '#schema/default.ts';
import { aggregatedDiscovery, apiGroupList, apiResourceList } from '#schema/discovery.ts';
import { applyFields, trackUpdate } from '#schema/managed-fields.ts';
import { openApiV2 } from '#schema/openapi-v2.ts';
import { openApiV2Protobuf } from '#schema/openapi-v2-protobuf.ts';
import { openApiV3, openApiV3Documents, openApiV3Index } from '#schema/openapi-v3.ts';
import { arbitraryOf } from '#schema/random-object.ts';
import { strategicMerge } from '#schema/strategic-merge.ts';
import { tableOf } from '#schema/table.ts';
import { validate, validateMeta, validateUpdate } from '#schema/validate.ts';
import { Deployment } from './apps/deployment.ts';
import { Pod } from './core/pod.ts';
import { Service } from './core/service.ts';
import { allKinds, subresourceKinds } from './kinds.ts';

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [
          { name: 'web', image: 'web:1', ports: [{ containerPort: 80 }], resources: { limits: { cpu: '0.5' } } },
        ],
      },
    },
  },
};

const strict = { strict: 'Strict' } as const;

test('random objects of every kind survive decoding, defaulting, tracking and merging', () => {
  for (const kind of [...allKinds, ...subresourceKinds]) {
    fc.assert(
      fc.property(arbitraryOf(kind.schema), (drawn) => {
        const { object } = decode<object>(kind, drawn, strict);
        assert.deepEqual(decode(kind, JSON.parse(JSON.stringify(object)), strict).object, object);
        const full = applyDefaults(kind.schema, object);
        assert.equal(applyDefaults(kind.schema, full), full);
        assert.deepEqual(strategicMerge(kind.schema, full, {}), full);
        validate(kind, full);
        validateUpdate(kind, full, full);
        const tracking = { kind, manager: 'm', time: '2026-01-01T00:00:00Z', apiVersion: 'v1' };
        const tracked = trackUpdate({ ...tracking, live: undefined, updated: full });
        assert.deepEqual(trackUpdate({ ...tracking, live: tracked, updated: tracked }), tracked);
        const { managedFields: _none, ...metadata } = (drawn['metadata'] ?? {}) as Record<string, unknown>;
        const applied = { ...object, metadata };
        const first = applyFields({ ...tracking, live: tracked, applied, force: true }).object;
        assert.equal(applyFields({ ...tracking, live: first, applied, force: true }).object, first);
      }),
      { numRuns: 15 },
    );
  }
});

test('a Deployment decodes, defaults and validates as upstream does', () => {
  const { object, warnings } = decode<object>(
    Deployment,
    { ...deployment, spec: { ...deployment.spec, foo: 1 } },
    { strict: 'Warn' },
  );
  assert.deepEqual(warnings, ['unknown field "spec.foo"']);
  const full = applyDefaults(Deployment.schema, object) as typeof deployment;
  assert.equal(full.spec.template.spec.containers[0]?.resources.limits.cpu, '500m');
  assert.deepEqual(full.spec.template.spec.containers[0]?.ports, [{ containerPort: 80, protocol: 'TCP' }]);
  assert.deepEqual(validate(Deployment, full), []);
  assert.deepEqual(validateMeta(Deployment, deployment.metadata), []);
  assert.throws(() => decode(Deployment, { ...deployment, spec: { ...deployment.spec, replicas: 'x' } }, strict), {
    message:
      'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  });
  const empty = validate(Deployment, applyDefaults(Deployment.schema, { spec: {} })).map(
    ({ field, message }) => `${field}: ${message}`,
  );
  assert.ok(empty.includes('spec.selector: Required value'), empty.join('\n'));
  assert.ok(empty.includes('spec.template.spec.containers: Required value'), empty.join('\n'));
});

test('metadata is checked with upstream’s words', () => {
  const causes = validateMeta(Pod, {
    name: 'Bad_Name',
    namespace: '',
    labels: { 'a b': 'x' },
    annotations: { ok: 'x'.repeat(300 * 1024) },
    finalizers: ['orphan', 'foregroundDeletion'],
    ownerReferences: [
      { apiVersion: 'v1', kind: 'Node', name: 'a', uid: '1', controller: true },
      { apiVersion: '', kind: 'Node', name: 'b', uid: '2', controller: true },
    ],
  });
  assert.deepEqual(
    causes.map(({ field, reason }) => `${field} ${reason}`),
    [
      'metadata.name FieldValueInvalid',
      'metadata.namespace FieldValueRequired',
      'metadata.labels FieldValueInvalid',
      'metadata.annotations FieldValueTooLong',
      'metadata.ownerReferences[1].apiVersion FieldValueRequired',
      'metadata.ownerReferences FieldValueInvalid',
      'metadata.finalizers FieldValueInvalid',
    ],
  );
  const update = validateUpdate(
    Pod,
    { metadata: { name: 'b', uid: '2', finalizers: ['x.io/y'] } },
    { metadata: { name: 'a', uid: '1', deletionTimestamp: '2026-01-01T00:00:00Z' } },
  );
  assert.deepEqual(
    update.map(({ field, message }) => `${field}: ${message}`),
    [
      'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x.io/y"}',
      'metadata.name: Invalid value: "b": field is immutable',
      'metadata.uid: Invalid value: "2": field is immutable',
    ],
  );
});

test('kubectl’s patch of a Deployment merges containers by name and ports by number', () => {
  const patched = strategicMerge(Deployment.schema, deployment, {
    spec: {
      template: {
        spec: {
          containers: [{ name: 'web', image: 'web:2', ports: [{ containerPort: 81 }] }],
        },
      },
    },
  }) as typeof deployment;
  assert.deepEqual(patched.spec.template.spec.containers[0], {
    name: 'web',
    image: 'web:2',
    ports: [{ containerPort: 81 }, { containerPort: 80 }],
    resources: { limits: { cpu: '0.5' } },
  });
});

test('a created Service is owned by its creator, field by field', () => {
  const service = applyDefaults(Service.schema, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: { ports: [{ port: 80 }], selector: { app: 'web' } },
  });
  const { metadata } = trackUpdate({
    kind: Service,
    live: undefined,
    updated: service,
    manager: 'kubectl-create',
    time: '2026-01-01T00:00:00Z',
    apiVersion: 'v1',
  }) as AnyObject;
  const [entry] = metadata.managedFields ?? [];
  const fields = entry?.fieldsV1 as { 'f:spec': Record<string, unknown> };
  assert.deepEqual(fields['f:spec']['f:ports'], {
    '.': {},
    'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} },
  });
  assert.deepEqual(fields['f:spec']['f:selector'], {});
  assert.equal(entry?.operation, 'Update');
});

test('every kind makes a table', () => {
  const pod = {
    ...applyDefaults(Pod.schema, { spec: { containers: [{ name: 'a' }] } }),
    metadata: { name: 'p', resourceVersion: '7', creationTimestamp: '2026-01-01T00:00:00Z' },
  };
  const table = tableOf(Pod, [pod as unknown as AnyObject], {
    now: Date.UTC(2026, 0, 1, 0, 5),
    includeObject: 'Metadata',
  });
  assert.equal(table.metadata.resourceVersion, '7');
  assert.deepEqual(
    table.columnDefinitions.slice(0, 5).map(({ name }) => name),
    ['Name', 'Ready', 'Status', 'Restarts', 'Age'],
  );
  const [row] = table.rows;
  assert.equal(row?.cells[0], 'p');
  assert.equal(row?.cells[4], '5m');
  assert.equal(row?.cells.length, table.columnDefinitions.length);
  assert.equal((row!.object as { kind: string }).kind, 'PartialObjectMetadata');
});

test('discovery tells the same in both forms', () => {
  const apps = allKinds.filter((kind) => kind.group === 'apps');
  const list = apiResourceList(apps) as {
    groupVersion: string;
    resources: { name: string; verbs: string[]; kind: string; group?: string; storageVersionHash?: string }[];
  };
  assert.equal(list.groupVersion, 'apps/v1');
  assert.deepEqual(
    list.resources.map(({ name }) => name).filter((name) => name.startsWith('deployments')),
    ['deployments', 'deployments/scale', 'deployments/status'],
  );
  const scale = list.resources.find(({ name }) => name === 'deployments/scale');
  assert.deepEqual([scale?.group, scale?.kind], ['autoscaling', 'Scale']);
  // Known from a real server.
  assert.equal(list.resources.find(({ name }) => name === 'deployments')?.storageVersionHash, '8aSe+NMegvE=');
  const groups = apiGroupList(allKinds) as { groups: { name: string }[] };
  assert.ok(!groups.groups.some(({ name }) => name === ''));
  const aggregated = aggregatedDiscovery(allKinds) as {
    items: {
      metadata: { name?: string };
      versions: { resources: { resource: string; subresources?: unknown[] }[] }[];
    }[];
  };
  assert.deepEqual(
    aggregated.items
      .map(({ metadata }) => metadata.name ?? '')
      .filter(Boolean)
      .sort(),
    groups.groups.map(({ name }) => name).sort(),
  );
  assert.equal(
    aggregated.items.flatMap(({ versions }) => versions.flatMap(({ resources }) => resources)).length,
    allKinds.length,
  );
});

/** Every $ref of a document. */
function* references(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '$ref' && typeof inner === 'string') yield inner;
    else yield* references(inner);
  }
}

test('OpenAPI v2: every reference leads somewhere, and patches find their keys', () => {
  const document = openApiV2(allKinds, subresourceKinds);
  for (const ref of references(document))
    assert.ok(Object.hasOwn(document.definitions, ref.replace('#/definitions/', '')), ref);
  const podSpec = document.definitions['io.k8s.api.core.v1.PodSpec'] as {
    properties: Record<string, Record<string, unknown>>;
  };
  assert.equal(podSpec.properties['containers']?.['x-kubernetes-patch-merge-key'], 'name');
  const path = document.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'] as Record<
    string,
    { parameters: { name: string }[] } & Record<string, unknown>
  >;
  assert.ok(path['patch']?.parameters.some(({ name }) => name === 'fieldValidation'));
  assert.deepEqual(path['patch']?.['x-kubernetes-group-version-kind'], {
    group: 'apps',
    version: 'v1',
    kind: 'Deployment',
  });
  assert.ok(document.paths['/api/v1/namespaces/{namespace}/pods/{name}/exec']?.['get']);
  const ids = Object.values(document.paths).flatMap((item) =>
    Object.values(item).map((operation) => (operation as { operationId?: string }).operationId),
  );
  const known = ids.filter((id) => id !== undefined);
  assert.equal(new Set(known).size, known.length);
});

test('OpenAPI v3: a document for each group and version, named by the index', () => {
  const index = openApiV3Index(openApiV3Documents(allKinds, subresourceKinds)) as {
    paths: Record<string, { serverRelativeURL: string }>;
  };
  assert.match(
    index.paths['apis/apps/v1']?.serverRelativeURL ?? '',
    /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/,
  );
  for (const apiVersion of new Set(allKinds.map(({ group, version }) => `${group}/${version}`))) {
    const kinds = allKinds.filter(({ group, version }) => `${group}/${version}` === apiVersion);
    const document = openApiV3(kinds, subresourceKinds) as { components: { schemas: Record<string, unknown> } };
    for (const ref of references(document))
      assert.ok(
        Object.hasOwn(document.components.schemas, ref.replace('#/components/schemas/', '')),
        `${apiVersion} ${ref}`,
      );
  }
});

test('OpenAPI names operations as generated clients know them, and says once what a path takes', () => {
  const documents = openApiV3Documents(allKinds, subresourceKinds);
  const operationOf = (name: string, path: string, method: string) => {
    const document = documents.get(name)?.() as { paths: Record<string, Record<string, unknown>> };
    const names = (list: unknown): readonly string[] => ((list ?? []) as { name: string }[]).map((each) => each.name);
    const found = document.paths[path]?.[method] as { operationId: string; parameters?: unknown; tags: string[] };
    return [found.operationId, found.tags[0], names(found.parameters), names(document.paths[path]?.['parameters'])];
  };
  const pods = '/api/v1/namespaces/{namespace}/pods';
  const read = ['continue', 'dryRun', 'fieldSelector', 'gracePeriodSeconds'];
  const [id, tag, own, common] = operationOf('api/v1', pods, 'delete');
  assert.deepEqual(
    [id, tag, own?.slice(0, 4), common],
    ['deleteCoreV1CollectionNamespacedPod', 'core_v1', read, ['namespace', 'pretty']],
  );
  assert.deepEqual(operationOf('api/v1', `${pods}/{name}/proxy/{path}`, 'head'), [
    'connectCoreV1HeadNamespacedPodProxyWithPath',
    'core_v1',
    [],
    ['name', 'namespace', 'path', 'path'],
  ]);
  const watched = operationOf(
    'apis/flowcontrol.apiserver.k8s.io/v1',
    '/apis/flowcontrol.apiserver.k8s.io/v1/watch/flowschemas',
    'get',
  );
  assert.deepEqual(watched.slice(0, 2), ['watchFlowcontrolApiserverV1FlowSchemaList', 'flowcontrolApiserver_v1']);
  assert.equal(operationOf('apis/apps', '/apis/apps/', 'get')[0], 'getAppsAPIGroup');
  assert.equal(operationOf('version', '/version/', 'get')[0], 'getCodeVersion');
  const apps = documents.get('apis/apps/v1') ?? assert.fail();
  const { components } = apps() as {
    components: { schemas: Record<string, { required?: string[] }> };
  };
  assert.deepEqual(components.schemas['io.k8s.api.apps.v1.DeploymentSpec']?.required, ['selector', 'template']);
});

/** Reads protobuf without a schema: fields with their wire type, nested bytes as they are. */
function fieldsOf(bytes: Buffer): { field: number; value: number | Buffer }[] {
  const out: { field: number; value: number | Buffer }[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++] ?? assert.fail('the message ends early');
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key & 7;
    if (wire === 0) out.push({ field: key >> 3, value: varint() });
    else {
      assert.equal(wire, 2);
      const length = varint();
      assert.ok(at + length <= bytes.length);
      out.push({ field: key >> 3, value: bytes.subarray(at, at + length) });
      at += length;
    }
  }
  return out;
}

test('the protobuf form holds every path and definition', () => {
  const document = openApiV2(allKinds, subresourceKinds);
  const top = fieldsOf(openApiV2Protobuf(document));
  const inside = (bytes: unknown, field: number): Buffer[] =>
    fieldsOf(bytes as Buffer)
      .filter((one) => one.field === field)
      .map(({ value }) => value as Buffer);
  assert.equal(String(top.find(({ field }) => field === 1)?.value), '2.0');
  const paths = inside(top.find(({ field }) => field === 8)?.value, 2).map((entry) => String(inside(entry, 1)[0]));
  assert.deepEqual(paths, Object.keys(document.paths));
  const definitions = inside(top.find(({ field }) => field === 9)?.value, 1);
  assert.deepEqual(
    definitions.map((entry) => String(inside(entry, 1)[0])),
    Object.keys(document.definitions),
  );
  const deploymentEntry =
    definitions.find((entry) => String(inside(entry, 1)[0]) === 'io.k8s.api.apps.v1.Deployment') ?? assert.fail();
  const extensions = inside(inside(deploymentEntry, 2)[0], 31).map((one) => [
    String(inside(one, 1)[0]),
    String(inside(inside(one, 2)[0], 2)[0]),
  ]);
  assert.deepEqual(extensions, [
    ['x-kubernetes-group-version-kind', '[{"group":"apps","version":"v1","kind":"Deployment"}]\n'],
  ]);
});
