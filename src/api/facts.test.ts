/**
 * The declared kinds beside the facts of the v1.37 API: every type, field, tag, list type, merge key, enum value, verb and subresource. The facts are a file
 * beside the project, not a part of it; without them these tests skip and say so. What differs on purpose stands in `exceptions`, with its reason.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { subresourcesOf } from '#schema/discovery.ts';
import { apiVersionOf, allVerbs } from '#schema/kind.ts';
import { deleteOptions, status } from '#schema/meta-types.ts';
import { listMeta } from '#schema/object-meta.ts';
import type { AnyTypeData, FieldData, StructType } from '#schema/type.ts';
import { allKinds, subresourceKinds } from './kinds.ts';

const facts = new URL('../../../shared/facts/', import.meta.url);
const typesFile = new URL('kubernetes-1.37-types.jsonl', facts);
const resourcesFile = new URL('resources-1.37.md', facts);
const skip = [typesFile, resourcesFile].every((file) => existsSync(file))
  ? false
  : `the facts of the API are not beside the project (${fileURLToPath(facts)})`;

/** Where a kind differs from the facts, and why. A line that no longer holds fails the test too. */
const exceptions: Readonly<Record<string, string>> = {
  'core.v1.Toleration.operator': 'Lt and Gt belong to TaintTolerationComparisonOperators, which is off in v1.37',
  'batch.v1.JobSpec.scheduling': 'belongs to WorkloadWithJob, which is off; its types are those of an alpha group',
  'storage.v1.StorageClass.reclaimPolicy': 'a class may only name Delete or Retain',
  'storage.k8s.io/v1/csinodes': 'the server serves the status, of which the facts, made from a client, do not know',
  'core.v1.TypedObjectReference.namespace': 'dropped by the strategy of claims, which also drops it from templates',
  'resource.v1.DeviceDerivedAttribute': 'younger than the facts',
  'resource.v1.ExactDeviceRequest.derivedAttributes': 'younger than the facts',
  'resource.v1.DeviceSubRequest.derivedAttributes': 'younger than the facts',
  'resource.v1.DeviceCounterConsumption.compatibilityGroups': 'younger than the facts',
  'apiextensions.v1.CustomResourceSubresources.status': 'an empty struct, which the facts list as an alias',
  'apiextensions.v1.CustomResourceSubresourceStatus': 'an empty struct, which the facts list as an alias',
};

/** Feature gates that are off in v1.37: their fields are known and dropped. */
const offGates = new Set([
  'AtomicWriteVolumeUserFields',
  'CSIVolumeHealth',
  'ContainerStopSignals',
  'CoordinatedLeaderElection',
  'CRDObservedGenerationTracking',
  'CrossNamespaceVolumeDataSource',
  'DRADeviceCompatibilityGroups',
  'DRAListTypeAttributes',
  'DRANodeAllocatableResources',
  'DRAOptionalNodeOperations',
  'DRAPartitionableDevicesType',
  'EmptyDirVolumeMode',
  'EvictionRequestAPI',
  'GRPCContainerProbeTLS',
  'GenericWorkload',
  'H2CContainerProbe',
  'ImageVolumeWithDigest',
  'InPlacePodVerticalScalingSchedulerPreemption',
  'ShardedListAndWatch',
  'VolumeBindMountOptions',
]);

interface FactField {
  readonly go?: string;
  readonly embed?: string;
  readonly type?: string;
  readonly json?: string;
  readonly omitempty?: boolean;
  readonly pb?: string;
  readonly optional?: boolean;
  readonly required?: boolean;
  readonly listType?: string;
  readonly listMapKeys?: readonly string[];
  readonly patchStrategy?: string;
  readonly patchMergeKey?: string;
  readonly mapType?: string;
  readonly structType?: string;
  readonly featureGate?: string;
}
interface FactType {
  readonly gv: string;
  readonly type?: string;
  readonly alias?: string;
  readonly is?: string;
  readonly values?: readonly string[];
  readonly fields?: readonly FactField[];
  readonly marks?: readonly string[];
}

function readFacts(): ReadonlyMap<string, FactType> {
  const found = new Map<string, FactType>();
  for (const line of readFileSync(typesFile, 'utf8').split('\n')) {
    if (line === '') continue;
    const fact = JSON.parse(line) as FactType;
    found.set(`${packageOf(fact.gv)}.${fact.type ?? fact.alias}`, fact);
  }
  return found;
}

/** `v1` → core.v1, `networking.k8s.io/v1` → networking.v1, as structs are called here. */
function packageOf(gv: string): string {
  const [group = '', version] = gv.split('/');
  return version === undefined ? `core.${group}` : `${group.split('.')[0]}.${version}`;
}

const imports: Readonly<Record<string, readonly string[]>> = {
  metav1: ['meta.v1'],
  corev1: ['core.v1'],
  apiv1: ['core.v1'],
  v1: ['core.v1', 'meta.v1'],
  autoscalingv1: ['autoscaling.v1'],
  authenticationv1: ['authentication.v1'],
  runtime: ['runtime'],
};

const scalars: Readonly<Record<string, string>> = {
  string: 'string',
  bool: 'boolean',
  int32: 'int32',
  int64: 'int64',
  int: 'int64',
  float64: 'number',
  '[]byte': 'bytes',
  Time: 'time',
  'metav1.Time': 'time',
  MicroTime: 'microTime',
  'metav1.MicroTime': 'microTime',
  'metav1.Duration': 'duration',
  'types.UID': 'string',
  'types.NodeName': 'string',
  'struct{}': 'struct {}',
  'resource.Quantity': 'quantity',
  'intstr.IntOrString': 'intOrString',
  'runtime.RawExtension': 'any',
  FieldsV1: 'any',
  JSON: 'any',
  'apiextensionsv1.JSON': 'any',
};

interface Shape {
  readonly text: string;
  readonly values?: readonly string[];
}

/** The form of a Go type in words that our types have too: `list<struct core.v1.Container>`. */
function shapeOf(facts: ReadonlyMap<string, FactType>, home: string, goType: string): Shape {
  const type = goType.replace(/^\*/, '');
  const scalar = scalars[type];
  if (scalar !== undefined) return { text: scalar };
  if (type.startsWith('[]')) {
    const items = shapeOf(facts, home, type.slice(2));
    return { text: `list<${items.text}>`, ...(items.values ? { values: items.values } : {}) };
  }
  const map = /^map\[[^\]]+\](.*)$/.exec(type);
  if (map) return { text: `map<${shapeOf(facts, home, map[1] as string).text}>` };
  const [prefix, name] = type.includes('.') ? (type.split('.') as [string, string]) : ['', type];
  for (const place of prefix === '' ? [home] : (imports[prefix] ?? [`${prefix.replace(/v\d.*$/, '')}.v1`])) {
    const fact = facts.get(`${place}.${name}`);
    if (fact?.alias !== undefined) {
      const target = shapeOf(facts, place, fact.is as string);
      return { text: target.text, ...(fact.values ? { values: fact.values } : {}) };
    }
    if (fact?.type !== undefined) return { text: `struct ${place}.${name}` };
  }
  return { text: `unknown ${type}` };
}

function ownShape(type: AnyTypeData): string {
  switch (type.is) {
    case 'string':
      return type.format === 'byte' ? 'bytes' : (type.format ?? 'string');
    case 'integer':
      return `int${type.bits}`;
    case 'list':
      return `list<${ownShape(type.items)}>`;
    case 'map':
      return `map<${ownShape(type.values)}>`;
    case 'struct':
    case 'either':
      return `struct ${type.name}`;
    default:
      return type.is;
  }
}

const ownValues = (type: AnyTypeData): readonly string[] | undefined =>
  type.is === 'list' ? ownValues(type.items) : type.is === 'string' ? type.values : undefined;

interface Expected {
  readonly fact: FactField;
  readonly home: string;
  readonly tags: string;
}

/** Fields by JSON name; an embedded struct's fields stand among them, with its tag before theirs. */
function flat(
  facts: ReadonlyMap<string, FactType>,
  home: string,
  fields: readonly FactField[],
  via: readonly string[] = [],
): Map<string, Expected> {
  const out = new Map<string, Expected>();
  for (const fact of fields) {
    const tag = fact.pb?.split(',')[1] ?? '0';
    if (fact.embed !== undefined && !fact.json) {
      if (/(^|\.)TypeMeta$/.test(fact.embed)) {
        for (const json of ['apiVersion', 'kind']) out.set(json, { fact: { type: 'string', json }, home, tags: '0' });
        continue;
      }
      const inner = shapeOf(facts, home, fact.embed).text.replace('struct ', '');
      const place = inner.slice(0, inner.lastIndexOf('.'));
      for (const [name, field] of flat(facts, place, facts.get(inner)?.fields ?? [], [...via, tag]))
        out.set(name, field);
      continue;
    }
    if (!fact.json || fact.json === '-') continue;
    const type = fact.type ?? fact.embed ?? '';
    out.set(fact.json, { fact: { ...fact, type }, home, tags: [...via, tag].join('.') });
  }
  return out;
}

const isScalar = (shape: string): boolean => /^(string|boolean|int32|int64|number)$/.test(shape);

function* fieldDifferences(
  facts: ReadonlyMap<string, FactType>,
  own: FieldData,
  { fact, home, tags }: Expected,
): Generator<string> {
  const ownTags = [...(own.via ?? []), own.tag].join('.');
  if (ownTags !== tags) yield `tag ${ownTags}, not ${tags}`;
  const isOff = offGates.has(fact.featureGate ?? '');
  if (isOff !== (own.gate !== undefined) && fact.featureGate !== undefined)
    yield isOff ? `kept, though ${fact.featureGate} is off` : `off, though ${fact.featureGate} is on`;
  const shape = shapeOf(facts, home, fact.type ?? '');
  const { type } = own;
  if (ownShape(type) !== shape.text) yield `type ${ownShape(type)}, not ${shape.text}`;
  if (type.is === 'list') {
    const list = fact.listType ?? 'atomic';
    if (type.list !== list) yield `list ${type.list}, not ${list}`;
    const [keys, ownKeys] = [fact.listMapKeys ?? [], type.keys ?? []];
    if ([...keys].sort().join() !== [...ownKeys].sort().join()) yield `list keys ${ownKeys.join()}, not ${keys.join()}`;
    const patch = `${type.patch?.strategy ?? ''}/${type.patch?.mergeKey ?? ''}`;
    const wanted = `${fact.patchStrategy ?? ''}/${fact.patchMergeKey ?? ''}`;
    if (patch !== wanted) yield `patch ${patch}, not ${wanted}`;
  } else if ((own.patchStrategy ?? '') !== (fact.patchStrategy ?? '')) {
    yield `patch strategy ${own.patchStrategy ?? 'none'}, not ${fact.patchStrategy ?? 'none'}`;
  }
  const atomic = (type.is === 'map' || type.is === 'struct') && type.atomic === true;
  const structMark = /^struct (.*)$/.exec(shape.text)?.[1];
  const wantedAtomic =
    fact.mapType === 'atomic' ||
    fact.structType === 'atomic' ||
    (facts.get(structMark ?? '')?.marks ?? []).some((mark) => /(struct|map)Type=atomic/.test(mark));
  if (atomic !== wantedAtomic) yield atomic ? 'atomic' : 'not atomic';
  const values = ownValues(type);
  if (values !== undefined && shape.values !== undefined) {
    const more = values.filter((value) => !shape.values?.includes(value));
    const less = shape.values.filter((value) => value !== '' && !values.includes(value));
    if (more.length > 0) yield `values of its own: ${more.join(', ')}`;
    if (less.length > 0) yield `without the values ${less.join(', ')}`;
  }
  if (isScalar(shape.text) && own.presence === 'optional') {
    const pointer = fact.type?.startsWith('*') === true;
    if (pointer && !own.keepsZero) yield 'a pointer in Go: an explicit zero is kept';
    if (!pointer && fact.omitempty && own.keepsZero) yield 'no pointer in Go: zero is absence';
  }
}

function structsOf(type: AnyTypeData, found: Map<string, StructType>): void {
  if (type.is === 'list') structsOf(type.items, found);
  else if (type.is === 'map') structsOf(type.values, found);
  else if (type.is === 'either') {
    structsOf(type.struct, found);
    structsOf(type.other, found);
  } else if (type.is === 'struct' && !found.has(type.name)) {
    found.set(type.name, type);
    for (const field of Object.values(type.fields)) structsOf(field.type, found);
  }
}

function* structDifferences(facts: ReadonlyMap<string, FactType>, struct: StructType): Generator<[string, string]> {
  const fact = facts.get(struct.name);
  if (fact?.fields === undefined) {
    yield [struct.name, 'no such type'];
    return;
  }
  const home = struct.name.slice(0, struct.name.lastIndexOf('.'));
  const expected = flat(facts, home, fact.fields);
  for (const [name, own] of Object.entries(struct.fields)) {
    const one = expected.get(name);
    if (one === undefined) yield [`${struct.name}.${name}`, 'no such field'];
    else for (const what of fieldDifferences(facts, own, one)) yield [`${struct.name}.${name}`, what];
  }
  for (const name of expected.keys())
    if (!Object.hasOwn(struct.fields, name)) yield [`${struct.name}.${name}`, 'missing'];
}

/** Fails on every difference without an exception, and on every exception without a difference. */
function judge(differences: Iterable<[string, string]>, mine: (place: string) => boolean): void {
  const lines: string[] = [];
  const met = new Set<string>();
  for (const [place, what] of differences) {
    if (exceptions[place] === undefined) lines.push(`${place}: ${what}`);
    else met.add(place);
  }
  for (const place of Object.keys(exceptions))
    if (mine(place) && !met.has(place)) lines.push(`${place}: an exception that is none`);
  assert.equal(lines.length, 0, `\n${lines.join('\n')}`);
}

test('every struct has the fields, tags, list types, merge keys and values of the facts', { skip }, () => {
  const structs = new Map<string, StructType>();
  for (const kind of [...allKinds, ...subresourceKinds]) structsOf(kind.schema, structs);
  for (const struct of [deleteOptions, status, listMeta]) structsOf(struct, structs);
  const types = readFacts();
  judge(
    [...structs.values()].flatMap((struct) => [...structDifferences(types, struct)]),
    (place) => !place.includes('/'),
  );
});

interface Row {
  readonly key: string;
  readonly shortNames: string;
  readonly categories: string;
  readonly kind: string;
  readonly scope: string;
  readonly verbs: string;
  readonly subresources: string;
}

/** The table of resources: `| group/version | resource (categories) | short | kind | scope | verbs | subresources | since |`. */
function readRows(): Row[] {
  const rows: Row[] = [];
  for (const line of readFileSync(resourcesFile, 'utf8').split('\n')) {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    const [apiVersion = '', resource = '', short = '', kind = '', scope = '', verbs = '', sub = ''] = cells;
    if (cells.length < 7 || scope.length !== 1) continue;
    const [plural = '', category = ''] = resource.split(/[ ()]+/);
    rows.push({
      key: `${apiVersion}/${plural}`,
      shortNames: sorted(short.split(', ')),
      categories: category,
      kind,
      scope,
      verbs: verbsOf(verbs),
      subresources: sorted(
        [...sub.matchAll(/(\w+) \(([^)]*)\)/g)].map(([, name, inside = '']) => `${name} ${subresourceVerbs(inside)}`),
      ),
    });
  }
  return rows;
}

const sorted = (texts: readonly string[]): string => [...texts].filter(Boolean).sort().join(', ');

function verbsOf(text: string): string {
  if (!text.startsWith('all')) return sorted(text.split(', '));
  const without = text.replace(/^all( but )?/, '').split(', ');
  return sorted(allVerbs.filter((verb) => !without.includes(verb)));
}

function subresourceVerbs(text: string): string {
  if (text.startsWith('all HTTP')) return 'create+delete+get+patch+update';
  const words = text.replace('gpu', 'get, patch, update').split(', ');
  return words
    .filter((word) => !/^[A-Z]/.test(word))
    .sort()
    .join('+');
}

test('every resource has the verbs, names, scope and subresources of the facts', { skip }, () => {
  const rows = new Map(readRows().map((row) => [row.key, row]));
  assert.ok(rows.size > 60);
  const differences: [string, string][] = [];
  for (const kind of allKinds) {
    const key = `${apiVersionOf(kind)}/${kind.plural}`;
    const row = rows.get(key);
    rows.delete(key);
    if (row === undefined) {
      differences.push([key, 'not in the facts']);
      continue;
    }
    const own: Omit<Row, 'key'> = {
      shortNames: sorted(kind.shortNames),
      categories: sorted(kind.categories),
      kind: kind.kind,
      scope: kind.scope.slice(0, 1),
      verbs: sorted(kind.verbs),
      subresources: sorted(subresourcesOf(kind).map(({ name, verbs }) => `${name} ${[...verbs].sort().join('+')}`)),
    };
    for (const [what, value] of Object.entries(own) as [keyof typeof own, string][])
      if (value !== row[what]) differences.push([key, `${what} ${value}, not ${row[what]}`]);
  }
  for (const key of rows.keys()) differences.push([key, 'not served']);
  judge(differences, (place) => place.includes('/'));
});
