/**
 * Every operation that is served, as plain data from which OpenAPI v2 and v3 are written: path, method, action, parameters, body and answer. kubectl finds here
 * which kinds take fieldValidation, dryRun and strategic merge patches; generated clients take the names of their methods from `id`.
 */
import { returnsDeleted, subresourcesOf } from './discovery.ts';
import type { Kind } from './kind.ts';
import {
  deletion,
  inPath,
  listing,
  patching,
  pretty,
  selecting,
  subresourceParameters,
  writing,
  type Parameter,
} from './openapi-parameters.ts';
import { definitionName, type StructType } from './type.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- any Kind, whatever its object type
export type AnyKind = Kind<any, any>;

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** What a body or an answer is: a definition by name, any text, or nothing known. */
export type Content = { readonly ref: string } | 'string' | undefined;

export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'options' | 'head' | 'patch';
  readonly id: string;
  readonly description: string;
  readonly tag: string;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly body: Content;
  readonly bodyRequired: boolean;
  readonly codes: readonly number[];
  readonly answer: Content;
  /** What is done to objects of which kind; absent where the API describes itself. */
  readonly action?: string;
  readonly kind?: GroupVersionKind;
}

const protobuf = 'application/vnd.kubernetes.protobuf';
/** CBOR is served too, but like upstream not told of: it is younger than these documents' readers. */
export const encodings = ['application/json', 'application/yaml', protobuf];
const streams = [...encodings, 'application/json;stream=watch', `${protobuf};stream=watch`];
const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

const metaName = (name: string): string => definitionName(`meta.v1.${name}`);

/** The name of the list's definition: `apps.v1.DeploymentList`. */
export const listName = (schema: StructType): string => definitionName(`${schema.name}List`);

export const basePath = (kind: Omit<GroupVersionKind, 'kind'>): string =>
  kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;

const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export const camel = (text: string): string =>
  text
    .split(/[^A-Za-z0-9]+/)
    .map(upper)
    .join('');

/** A group as identifiers have it: `rbacAuthorization`; the first one is `core`. */
export const groupWord = (group: string): string => {
  const word = camel(group.replace(/\.k8s\.io$/, '')) || 'Core';
  return word.charAt(0).toLowerCase() + word.slice(1);
};

/** Where each struct of a subresource's body is found: kind by group, version and name. */
export type KindLookup = (of: GroupVersionKind) => StructType | undefined;

/** Looks among these kinds. */
export function lookupIn(kinds: readonly AnyKind[]): KindLookup {
  const known = new Map(kinds.map((kind) => [`${kind.group}/${kind.version}/${kind.kind}`, kind.schema]));
  return ({ group, version, kind }) => known.get(`${group}/${version}/${kind}`);
}

/** What the operations on one kind have in common. */
interface Place {
  readonly kind: AnyKind;
  readonly lookup: KindLookup;
  /** `Namespaced` in the names of operations. */
  readonly scope: string;
  /** `CoreV1`, in the names of operations. */
  readonly version: string;
  readonly collection: string;
  readonly item: string;
  readonly outer: readonly Parameter[];
  readonly inner: readonly Parameter[];
}

/** What most operations are, but for what they say themselves. */
type Given = Pick<Operation, 'path' | 'method' | 'id' | 'action' | 'description' | 'parameters' | 'answer'> &
  Partial<Operation>;

const operation = ({ kind }: Place, given: Given): Operation => ({
  kind: { group: kind.group, version: kind.version, kind: kind.kind },
  tag: `${groupWord(kind.group)}_${kind.version}`,
  consumes: ['*/*'],
  produces: encodings,
  body: undefined,
  bodyRequired: false,
  codes: [200],
  ...given,
});

/** All operations on a kind, collection first. */
export function operationsOf(kind: AnyKind, lookup: KindLookup): Operation[] {
  const namespaced = kind.scope === 'Namespaced';
  const outer = namespaced ? [inPath('namespace', 'The namespace.')] : [];
  const collection = `${basePath(kind)}/${namespaced ? 'namespaces/{namespace}/' : ''}${kind.plural}`;
  const place: Place = {
    kind,
    lookup,
    scope: namespaced ? 'Namespaced' : '',
    version: upper(groupWord(kind.group)) + upper(kind.version),
    collection,
    item: `${collection}/{name}`,
    outer,
    inner: [...outer, inPath('name', `Name of the ${kind.kind}.`)],
  };
  return [
    ...collectionOperations(place),
    ...itemOperations(place),
    ...everywhereOperations(place),
    ...subresourcesOf(kind).flatMap((subresource) => [...subresourceOperations(place, subresource)]),
    ...watchOperations(place),
  ];
}

function* collectionOperations(place: Place): Iterable<Operation> {
  const { kind, collection: path, outer, scope, version } = place;
  const verbs = new Set(kind.verbs);
  const self: Content = { ref: definitionName(kind.schema.name) };
  if (verbs.has('list'))
    yield operation(place, {
      path,
      method: 'get',
      id: `list${version}${scope}${kind.kind}`,
      action: 'list',
      description: `List or watch objects of kind ${kind.kind}.`,
      produces: streams,
      parameters: [...outer, pretty, ...listing],
      answer: { ref: listName(kind.schema) },
    });
  if (verbs.has('create'))
    yield operation(place, {
      path,
      method: 'post',
      id: `create${version}${scope}${kind.kind}`,
      action: 'post',
      description: `Create a ${kind.kind}.`,
      parameters: [...outer, pretty, ...writing],
      body: self,
      bodyRequired: true,
      codes: [200, 201, 202],
      answer: self,
    });
  if (verbs.has('deletecollection'))
    yield operation(place, {
      path,
      method: 'delete',
      id: `delete${version}Collection${scope}${kind.kind}`,
      action: 'deletecollection',
      description: `Delete a collection of kind ${kind.kind}.`,
      parameters: [...outer, pretty, ...deletion, ...selecting],
      body: { ref: metaName('DeleteOptions') },
      answer: { ref: metaName('Status') },
    });
}

function* itemOperations(place: Place): Iterable<Operation> {
  const { kind, item: path, inner, scope, version } = place;
  const verbs = new Set(kind.verbs);
  const name = `${version}${scope}${kind.kind}`;
  const self: Content = { ref: definitionName(kind.schema.name) };
  if (verbs.has('get'))
    yield operation(place, {
      path,
      method: 'get',
      id: `read${name}`,
      action: 'get',
      description: `Read a ${kind.kind}.`,
      parameters: [...inner, pretty],
      answer: self,
    });
  if (verbs.has('update'))
    yield operation(place, {
      path,
      method: 'put',
      id: `replace${name}`,
      action: 'put',
      description: `Replace a ${kind.kind}.`,
      parameters: [...inner, pretty, ...writing],
      body: self,
      bodyRequired: true,
      codes: [200, 201],
      answer: self,
    });
  if (verbs.has('patch'))
    yield operation(place, {
      path,
      method: 'patch',
      id: `patch${name}`,
      action: 'patch',
      description: `Change parts of a ${kind.kind}.`,
      consumes: patchTypes,
      parameters: [...inner, pretty, ...patching],
      body: { ref: metaName('Patch') },
      bodyRequired: true,
      codes: [200, 201],
      answer: self,
    });
  if (verbs.has('delete'))
    yield operation(place, {
      path,
      method: 'delete',
      id: `delete${name}`,
      action: 'delete',
      description: `Delete a ${kind.kind}.`,
      parameters: [...inner, pretty, ...deletion],
      body: { ref: metaName('DeleteOptions') },
      codes: [200, 202],
      answer: returnsDeleted(kind) ? self : { ref: metaName('Status') },
    });
}

function* everywhereOperations(place: Place): Iterable<Operation> {
  const { kind, version } = place;
  if (kind.scope !== 'Namespaced' || !kind.verbs.includes('list')) return;
  yield operation(place, {
    path: `${basePath(kind)}/${kind.plural}`,
    method: 'get',
    id: `list${version}${kind.kind}ForAllNamespaces`,
    action: 'list',
    description: `List or watch objects of kind ${kind.kind} in all namespaces.`,
    produces: streams,
    parameters: [pretty, ...listing],
    answer: { ref: listName(kind.schema) },
  });
}

/** Watches by their own paths: deprecated for long, and still served. */
function* watchOperations(place: Place): Iterable<Operation> {
  const { kind, version, scope, collection, item, outer, inner } = place;
  if (!kind.verbs.includes('watch')) return;
  const base = basePath(kind);
  const watched = (path: string): string => path.replace(base, `${base}/watch`);
  const one = (path: string, name: string, action: string, parameters: readonly Parameter[]): Operation =>
    operation(place, {
      path: watched(path),
      method: 'get',
      id: `watch${version}${name}`,
      action,
      description: `Watch objects of kind ${kind.kind}. Deprecated: list with the parameter watch.`,
      produces: streams,
      parameters: [...parameters, pretty, ...listing],
      answer: { ref: metaName('WatchEvent') },
    });
  yield one(collection, `${scope}${kind.kind}List`, 'watchlist', outer);
  yield one(item, `${scope}${kind.kind}`, 'watch', inner);
  if (scope !== '') yield one(`${base}/${kind.plural}`, `${kind.kind}ListForAllNamespaces`, 'watchlist', []);
}

const methods: Readonly<Record<string, readonly [Operation['method'], string]>> = {
  get: ['get', 'read'],
  create: ['post', 'create'],
  update: ['put', 'replace'],
  patch: ['patch', 'patch'],
  delete: ['delete', 'delete'],
};

function* subresourceOperations(
  place: Place,
  { name, kind: response, verbs }: ReturnType<typeof subresourcesOf>[number],
): Iterable<Operation> {
  const { kind, item, inner, scope, version, lookup } = place;
  const struct = lookup(response);
  const path = `${item}/${name}`;
  const suffix = `${scope}${kind.kind}${camel(name)}`;
  if (struct === undefined) {
    yield* connections(place, path, { suffix, response, verbs, own: subresourceParameters[name] ?? [] });
    return;
  }
  const content: Content = name === 'log' ? 'string' : { ref: definitionName(struct.name) };
  for (const verb of verbs) {
    const [method, word] = methods[verb] ?? [];
    if (method === undefined) continue;
    const isPatch = method === 'patch';
    const writes = method !== 'get';
    yield operation(place, {
      path,
      method,
      id: `${word}${version}${suffix}`,
      action: method,
      description: `Work with ${name} of a ${kind.kind}.`,
      kind: response,
      consumes: isPatch ? patchTypes : ['*/*'],
      produces: name === 'log' ? ['text/plain', ...encodings] : encodings,
      parameters: [
        ...inner,
        pretty,
        ...(isPatch ? patching : writes ? writing : []),
        ...(subresourceParameters[name] ?? []),
      ],
      body: isPatch ? { ref: metaName('Patch') } : writes ? content : undefined,
      bodyRequired: writes,
      codes: method === 'post' ? [200, 201, 202] : writes ? [200, 201] : [200],
      answer: content,
    });
  }
}

interface Connected {
  readonly suffix: string;
  readonly response: GroupVersionKind;
  readonly verbs: readonly string[];
  readonly own: readonly Parameter[];
}

/** What is no object but a way to something else. A proxy takes every method, and paths beyond its own. */
function* connections(place: Place, path: string, { suffix, response, verbs, own }: Connected): Iterable<Operation> {
  const { kind, inner, version } = place;
  const isProxy = verbs.includes('update');
  const all = [
    ...verbs.flatMap((verb) => methods[verb]?.[0] ?? []),
    ...(isProxy ? (['options', 'head'] as const) : []),
  ];
  const ways = [{ at: path, end: '', parameters: [...inner, ...own] }];
  if (isProxy) {
    const rest = inPath('path', 'The path behind the proxy.');
    ways.push({ at: `${path}/{path}`, end: 'WithPath', parameters: [...inner, rest, ...own] });
  }
  for (const { at, end, parameters } of ways)
    for (const method of all)
      yield operation(place, {
        path: at,
        method,
        id: `connect${version}${upper(method)}${suffix}${end}`,
        action: 'connect',
        description: `Connect to ${path.slice(path.lastIndexOf('/') + 1)} of a ${kind.kind}.`,
        kind: response,
        produces: ['*/*'],
        parameters,
        answer: 'string',
      });
}
