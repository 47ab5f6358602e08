import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isApiError } from '#meta/status.ts';
import { decodeFields, encodeFields, sameSet } from './field-set.ts';
import { fieldsOf, mergeFields } from './field-walk.ts';
import { labelSelector } from './label-selector.ts';
import { applyConflict, applyFields, trackUpdate, type ApplyRequest } from './managed-fields.ts';
import { objectMeta } from './object-meta.ts';
import { arbitraryOf } from './random-object.ts';
import { s, struct, t } from './type.ts';

const port = struct('test.v1.Port', {
  port: s.int32(1),
  protocol: s.string(2).default('TCP'),
  name: s.string(3).optional(),
});
const box = struct('test.v1.Box', {
  name: s.string(1),
  image: s.string(2).optional(),
  args: s.list(3, t.string).optional(),
  ports: s.list(4, port, { list: 'map', keys: ['port', 'protocol'] }).optional(),
  env: s.map(5, t.string).optional(),
});
const spec = struct('test.v1.Spec', {
  replicas: s.int32(1).optional(),
  paused: s.boolean(2).optional(),
  selector: s.field(3, labelSelector).optional(),
  boxes: s.list(4, box, { list: 'map', keys: ['name'] }).optional(),
  tags: s.list(5, t.string, { list: 'set' }).optional(),
  whole: s.map(6, t.string, { atomic: true }).optional(),
  strategy: s
    .field(7, struct('test.v1.Strategy', { type: s.string(1).optional(), surge: s.intOrString(2).optional() }))
    .optional(),
});
const thing = struct('test.v1.Thing', {
  apiVersion: s.string(0).optional(),
  kind: s.string(0).optional(),
  metadata: s.field(1, objectMeta).optional(),
  spec: s.field(2, spec).default({}),
  status: s.field(3, struct('test.v1.Status', { seen: s.int32(1).optional() })).optional(),
});
const kind = { schema: thing, subresources: { status: true } };

interface Thing {
  metadata: {
    name?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
    managedFields?: { manager: string; operation: string; time: string; fieldsV1: unknown; subresource?: string }[];
  };
  spec?: Record<string, unknown>;
}

let clock = 0;
const now = (): string =>
  `2026-01-01T00:${String(Math.floor(++clock / 60) % 60).padStart(2, '0')}:${String(clock % 60).padStart(2, '0')}Z`;

const base = (specification: object, metadata: object = {}): object => ({
  apiVersion: 'test/v1',
  kind: 'Thing',
  metadata: { name: 'x', ...metadata },
  spec: specification,
});

function apply(live: unknown, applied: object, options: Partial<ApplyRequest> = {}): Thing {
  const { object, conflicts } = applyFields({
    kind,
    live,
    applied,
    manager: 'me',
    force: false,
    time: now(),
    apiVersion: 'test/v1',
    ...options,
  });
  if (conflicts.length > 0) throw applyConflict(conflicts);
  return object as Thing;
}

function update(live: unknown, updated: object, manager = 'editor', options: { subresource?: string } = {}): Thing {
  return trackUpdate({ kind, live, updated, manager, time: now(), apiVersion: 'test/v1', ...options }) as Thing;
}

const owned = (object: Thing, manager: string): unknown =>
  object.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1;

test('an apply that creates owns exactly what it states', () => {
  const object = apply(
    undefined,
    base(
      {
        replicas: 3,
        boxes: [{ name: 'a', image: 'i:1', ports: [{ port: 80 }] }],
        tags: ['t'],
        selector: { matchLabels: { a: 'b' } },
        strategy: {},
      },
      { labels: { app: 'x' } },
    ),
  );
  assert.deepEqual(owned(object, 'me'), {
    'f:metadata': { 'f:labels': { 'f:app': {} } },
    'f:spec': {
      'f:boxes': {
        'k:{"name":"a"}': {
          '.': {},
          'f:image': {},
          'f:name': {},
          'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} } },
        },
      },
      'f:replicas': {},
      'f:selector': {},
      'f:strategy': {},
      'f:tags': { 'v:"t"': {} },
    },
  });
  assert.deepEqual(object.spec?.['replicas'], 3);
});

test('the same apply again changes nothing at all', () => {
  const configuration = base({ replicas: 3, boxes: [{ name: 'a', image: 'i:1' }] });
  const first = apply(undefined, configuration);
  assert.equal(apply(first, configuration), first);
});

test('a field that is no longer applied is removed, unless somebody else owns it', () => {
  const live = apply(
    undefined,
    base({ replicas: 3, paused: true, boxes: [{ name: 'a', image: 'i' }, { name: 'b' }], tags: ['x', 'y'] }),
  );
  const shared = apply(live, base({ paused: true, tags: ['y'] }), { manager: 'other' });
  const next = apply(shared, base({ boxes: [{ name: 'a', image: 'i' }] }));
  assert.deepEqual(next.spec, { paused: true, boxes: [{ name: 'a', image: 'i' }], tags: ['y'] });
  assert.deepEqual(owned(next, 'other'), { 'f:spec': { 'f:paused': {}, 'f:tags': { 'v:"y"': {} } } });
});

test('fields set by others are left alone', () => {
  const live = apply(undefined, base({ boxes: [{ name: 'a', image: 'i' }] }));
  const edited = update(live, {
    ...live,
    spec: { boxes: [{ name: 'a', image: 'i', env: { K: 'v' } }, { name: 'sidecar' }], replicas: 7 },
  });
  const next = apply(edited, base({ boxes: [{ name: 'a', image: 'i2' }] }));
  assert.deepEqual(next.spec, {
    boxes: [{ name: 'a', image: 'i2', env: { K: 'v' } }, { name: 'sidecar' }],
    replicas: 7,
  });
});

test('changing a field of another manager is a conflict, in upstream’s words', () => {
  const live = update(
    undefined,
    base({ replicas: 1, boxes: [{ name: 'a', image: 'i' }] }),
    'kubectl-client-side-apply',
  );
  assert.throws(
    () => apply(live, base({ replicas: 2 })),
    (error) => {
      assert.ok(isApiError(error, 'Conflict'));
      assert.equal(
        error.message,
        'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using test/v1: .spec.replicas',
      );
      assert.deepEqual(error.details?.causes, [
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "kubectl-client-side-apply" using test/v1',
          field: '.spec.replicas',
        },
      ]);
      return true;
    },
  );
  assert.throws(
    () => apply(live, base({ replicas: 2, boxes: [{ name: 'a', image: 'j' }] })),
    /Apply failed with 2 conflicts: conflicts with "kubectl-client-side-apply" using test\/v1:\n- .spec.boxes\[name="a"\].image\n- .spec.replicas/,
  );
});

test('force takes fields over; equal values are shared', () => {
  const live = update(undefined, base({ replicas: 1, paused: true }), 'editor');
  const shared = apply(live, base({ replicas: 1 }));
  assert.deepEqual(owned(shared, 'me'), { 'f:spec': { 'f:replicas': {} } });
  assert.deepEqual(owned(shared, 'editor'), { 'f:spec': { 'f:paused': {}, 'f:replicas': {} } });
  const taken = apply(live, base({ replicas: 5 }), { force: true });
  assert.equal(taken.spec?.['replicas'], 5);
  assert.deepEqual(owned(taken, 'editor'), { 'f:spec': { 'f:paused': {} } });
});

test('two appliers conflict, and the name of an applier stands alone', () => {
  const live = apply(undefined, base({ replicas: 1 }), { manager: 'a' });
  assert.throws(() => apply(live, base({ replicas: 2 }), { manager: 'b' }), /conflict with "a": \.spec\.replicas/);
});

test('an atomic value belongs to one manager as a whole', () => {
  const live = apply(undefined, base({ whole: { a: '1' } }), { manager: 'a' });
  assert.throws(() => apply(live, base({ whole: { b: '2' } }), { manager: 'b' }), /\.spec\.whole/);
  const taken = apply(live, base({ whole: { b: '2' } }), { manager: 'b', force: true });
  assert.deepEqual(taken.spec?.['whole'], { b: '2' });
  assert.equal(owned(taken, 'a'), undefined);
});

test('giving up a field that another applier owns only ends the ownership', () => {
  let live = apply(undefined, base({ replicas: 1, paused: true }), { manager: 'a' });
  live = apply(live, base({ replicas: 1 }), { manager: 'b' });
  live = apply(live, base({ paused: true }), { manager: 'a' });
  assert.equal(live.spec?.['replicas'], 1);
  live = apply(live, base({}), { manager: 'b' });
  assert.deepEqual(live.spec, { paused: true });
});

test('an update owns what it changed and takes it from others', () => {
  const created = update(undefined, base({ replicas: 1, boxes: [{ name: 'a', image: 'i' }] }), 'creator');
  assert.deepEqual(owned(created, 'creator'), {
    'f:spec': { 'f:boxes': { '.': {}, 'k:{"name":"a"}': { '.': {}, 'f:image': {}, 'f:name': {} } }, 'f:replicas': {} },
  });
  const edited = update(created, { ...created, spec: { replicas: 2, boxes: [{ name: 'a', image: 'i' }] } }, 'editor');
  assert.deepEqual(owned(edited, 'editor'), { 'f:spec': { 'f:replicas': {} } });
  assert.deepEqual(owned(edited, 'creator'), {
    'f:spec': { 'f:boxes': { '.': {}, 'k:{"name":"a"}': { '.': {}, 'f:image': {}, 'f:name': {} } } },
  });
  const removed = update(edited, { ...edited, spec: { replicas: 2 } }, 'editor');
  assert.equal(owned(removed, 'creator'), undefined);
});

test('an update that changes nothing changes no entry', () => {
  const created = update(undefined, base({ replicas: 1 }), 'creator');
  const again = update(created, { ...created }, 'editor');
  assert.deepEqual(again.metadata.managedFields, created.metadata.managedFields);
});

test('status is nobody’s through the object, and spec nobody’s through status', () => {
  const created = update(undefined, { ...base({ replicas: 1 }), status: { seen: 1 } }, 'creator');
  assert.deepEqual(owned(created, 'creator'), { 'f:spec': { 'f:replicas': {} } });
  const seen = update(created, { ...created, spec: { replicas: 9 }, status: { seen: 2 } }, 'controller', {
    subresource: 'status',
  });
  assert.deepEqual(owned(seen, 'controller'), { 'f:status': { 'f:seen': {} } });
  assert.equal(seen.metadata.managedFields?.find((entry) => entry.manager === 'controller')?.subresource, 'status');
});

test('an empty list of managedFields, or one empty entry, forgets all managers', () => {
  const created = update(undefined, base({ replicas: 1 }), 'creator');
  for (const managedFields of [[], [{}]]) {
    const reset = update(created, { ...created, metadata: { ...created.metadata, managedFields } }, 'editor');
    assert.equal(reset.metadata.managedFields, undefined);
    // …and from then on only an apply starts them again.
    assert.equal(update(reset, { ...reset, spec: { replicas: 2 } }, 'editor').metadata.managedFields, undefined);
  }
});

test('a client that drops managedFields does not lose them', () => {
  const created = update(undefined, base({ replicas: 1 }), 'creator');
  const next = update(created, base({ replicas: 1 }), 'old-client');
  assert.deepEqual(next.metadata.managedFields, created.metadata.managedFields);
});

test('the first apply to an object without managers conflicts with what stood there', () => {
  const live = base({ replicas: 1 });
  assert.throws(
    () => apply(live, base({ replicas: 2 })),
    /conflict with "before-first-apply" using test\/v1: \.spec\.replicas/,
  );
  const next = apply(live, base({ paused: true }));
  assert.deepEqual(owned(next, 'before-first-apply'), { 'f:spec': { 'f:replicas': {} } });
});

test('kubectl takes over what its client-side past applied', () => {
  const last = JSON.stringify(base({ replicas: 1 }));
  const live = update(
    undefined,
    base({ replicas: 1 }, { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': last } }),
    'kubectl-client-side-apply',
  );
  assert.throws(() => apply(live, base({ replicas: 2 }), { manager: 'somebody' }), /conflict/);
  const next = apply(live, base({ replicas: 2 }), { manager: 'kubectl' });
  assert.equal(next.spec?.['replicas'], 2);
  assert.match(next.metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration'] ?? '', /"replicas":2/);
});

test('applied items keep their order among those of others', () => {
  const live = update(undefined, base({ boxes: [{ name: 'z' }, { name: 'b' }, { name: 'a' }] }));
  const next = apply(live, base({ boxes: [{ name: 'a' }, { name: 'n' }, { name: 'b' }] }));
  assert.deepEqual(
    (next.spec!['boxes'] as { name: string }[]).map(({ name }) => name),
    ['z', 'a', 'n', 'b'],
  );
});

test('a configuration must not name an item twice, nor carry managedFields', () => {
  assert.throws(
    () => apply(update(undefined, base({ boxes: [{ name: 'a' }] })), base({ boxes: [{ name: 'a' }, { name: 'a' }] })),
    /failed to create typed patch object \(\/x; test\/v1, Kind=Thing\): \.spec\.boxes: duplicate entries for key \[name="a"\]/,
  );
  assert.throws(() => apply(undefined, base({}, { managedFields: [] })), /metadata.managedFields must be nil/);
});

test('live items that stand twice survive an apply of others', () => {
  const ports = [
    { port: 80, protocol: 'TCP', name: 'a' },
    { port: 80, protocol: 'TCP', name: 'b' },
  ];
  const live = update(undefined, base({ boxes: [{ name: 'a', ports }] }));
  const next = apply(live, base({ boxes: [{ name: 'a', image: 'i', ports: [{ port: 81 }] }] }));
  assert.deepEqual((next.spec!['boxes'] as { ports: unknown }[])[0]?.ports, [...ports, { port: 81 }]);
});

test('at most ten managers that update are kept', () => {
  let live = update(undefined, base({ replicas: 0 }), 'creator');
  for (let index = 0; index < 20; index++) {
    live = update(
      live,
      { ...live, metadata: { ...live.metadata, labels: { ...live.metadata.labels, [`l${index}`]: 'x' } } },
      `manager-${index}`,
    );
  }
  const entries = live.metadata.managedFields ?? [];
  assert.equal(entries.length, 10);
  assert.ok(entries.some((entry) => entry.manager === 'ancient-changes'));
  assert.ok(entries.some((entry) => entry.manager === 'manager-19'));
});

test('FieldsV1 reads back as it was written; what is none is refused', () => {
  fc.assert(
    fc.property(arbitraryOf(thing), (object) => {
      const set = fieldsOf(thing, object);
      const again = decodeFields(JSON.parse(JSON.stringify(encodeFields(set))));
      assert.ok(again !== undefined && sameSet(again, set));
    }),
    { numRuns: 50 },
  );
  for (const bad of [null, 1, [], { 'x:a': {} }, { 'k:{': {} }, { 'f:a': 1 }])
    assert.equal(decodeFields(bad), undefined);
});

test('applying any object twice is the same as once, and nothing applied is lost', () => {
  fc.assert(
    fc.property(arbitraryOf(spec), arbitraryOf(spec), (one, two) => {
      const live = update(undefined, base(one as object), 'other');
      const next = apply(live, base(two as object), { force: true });
      const again = apply(next, base(two as object), { force: true });
      assert.equal(again, next);
      assert.equal(mergeFields(thing, next, base(two as object)), next);
    }),
    { numRuns: 200 },
  );
});
