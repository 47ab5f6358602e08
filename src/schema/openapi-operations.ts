/**
 * Every operation that is served, as plain data from which OpenAPI v2 and v3 are written: path, method, action, parameters, body and answer. kubectl finds here
 * which kinds take fieldValidation, dryRun and strategic merge patches.
 */
import { subresourcesOf } from './discovery.ts';
import type { Kind } from './kind.ts';
import { definitionName, type StructType } from './type.ts';

// oxlint-disable-next-line typescript/no-explicit-any -- any Kind, whatever its object type
export type AnyKind = Kind<any, any>;

export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
  readonly required?: boolean;
}

/** What a body or an answer is: a definition by name, any text, or nothing known. */
export type Content = { readonly ref: string } | 'string' | undefined;

export interface Operation {
  readonly path: string;
  readonly method: 'get' | 'put' | 'post' | 'delete' | 'patch';
  readonly id: string;
  readonly action: string;
  readonly description: string;
  readonly kind: GroupVersionKind;
  readonly tag: string;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  readonly parameters: readonly Parameter[];
  readonly pathParameters: readonly Parameter[];
  readonly body: Content;
  readonly bodyRequired: boolean;
  readonly codes: readonly number[];
  readonly answer: Content;
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
});

const pretty = query('pretty', 'string', 'Print the answer indented.');
const dryRun = query('dryRun', 'string', 'With `All` every step is done but the write itself.');
const fieldManager = query('fieldManager', 'string', 'The name under which changed fields are remembered.');
const fieldValidation = query(
  'fieldValidation',
  'string',
  'What becomes of unknown and duplicate fields: Ignore, Warn or Strict.',
);
const force = query('force', 'boolean', 'Apply only: take fields over from other managers.');
const selectors: readonly Parameter[] = [
  query('fieldSelector', 'string', 'Only objects whose fields match.'),
  query('labelSelector', 'string', 'Only objects whose labels match.'),
];
const listing: readonly Parameter[] = [
  query('allowWatchBookmarks', 'boolean', 'Watch events may tell the resource version alone.'),
  query('continue', 'string', 'Token of the next page, from the page before.'),
  ...selectors,
  query('limit', 'integer', 'At most so many objects on one page.'),
  query('resourceVersion', 'string', 'How fresh the answer must be.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant: NotOlderThan or Exact.'),
  query('sendInitialEvents', 'boolean', 'A watch begins with the current state.'),
  query('timeoutSeconds', 'integer', 'How long the call may take.'),
  query('watch', 'boolean', 'Stream changes instead of listing.'),
];
const deletion: readonly Parameter[] = [
  dryRun,
  query('gracePeriodSeconds', 'integer', 'Seconds the object may take to end.'),
  query('ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean', 'Delete even what cannot be read.'),
  query('orphanDependents', 'boolean', 'Deprecated: use propagationPolicy.'),
  query('propagationPolicy', 'string', 'What becomes of dependents: Orphan, Background or Foreground.'),
];
const writing: readonly Parameter[] = [dryRun, fieldManager, fieldValidation];

const inPath = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  type: 'string',
  description,
  required: true,
});

const protobuf = 'application/vnd.kubernetes.protobuf';
const encodings = ['application/json', 'application/yaml', protobuf, 'application/cbor'];
const streams = [...encodings, 'application/json;stream=watch', `${protobuf};stream=watch`, 'application/cbor-seq'];
const patchTypes = [
  'application/apply-patch+yaml',
  'application/apply-patch+cbor',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

const metaName = (name: string): string => definitionName(`meta.v1.${name}`);

/** The name of the list's definition: `apps.v1.DeploymentList`. */
export const listName = (schema: StructType): string => definitionName(`${schema.name}List`);

export const basePath = (kind: GroupVersionKind): string =>
  kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;

const camel = (text: string): string =>
  text
    .split(/[^A-Za-z0-9]+/)
    .filter((part) => part !== '')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');

/** Where each struct of a subresource's body is found: kind by group, version and name. */
export type KindLookup = (of: GroupVersionKind) => StructType | undefined;

/** Looks among these kinds. */
export function lookupIn(kinds: readonly AnyKind[]): KindLookup {
  const known = new Map(kinds.map((kind) => [`${kind.group}/${kind.version}/${kind.kind}`, kind.schema]));
  return ({ group, version, kind }) => known.get(`${group}/${version}/${kind}`);
}

/** All operations on a kind, collection first. */
export function operationsOf(kind: AnyKind, lookup: KindLookup): Operation[] {
  const out: Operation[] = [];
  const namespaced = kind.scope === 'Namespaced';
  const gvk = { group: kind.group, version: kind.version, kind: kind.kind };
  const tag = camel(`${kind.group.split('.')[0] || 'core'} ${kind.version}`).replace(/^./, (char) =>
    char.toLowerCase(),
  );
  const suffix = `${tag.charAt(0).toUpperCase()}${tag.slice(1)}${namespaced ? 'Namespaced' : ''}${kind.kind}`;
  const tagText = `${kind.group.split('.')[0] || 'core'}_${kind.version}`;
  const namespace = inPath('namespace', 'The namespace.');
  const collection = `${basePath(kind)}/${namespaced ? 'namespaces/{namespace}/' : ''}${kind.plural}`;
  const item = `${collection}/{name}`;
  const self: Content = { ref: definitionName(kind.schema.name) };
  const list: Content = { ref: listName(kind.schema) };
  const status: Content = { ref: metaName('Status') };
  const deleteBody: Content = { ref: metaName('DeleteOptions') };
  const outer = namespaced ? [namespace] : [];
  const inner = [...outer, inPath('name', `Name of the ${kind.kind}.`)];
  const shared = {
    kind: gvk,
    tag: tagText,
    consumes: ['*/*'],
    produces: encodings,
    bodyRequired: false,
    body: undefined,
    codes: [200],
  };
  const verbs = new Set(kind.verbs);
  if (verbs.has('list')) {
    out.push({
      ...shared,
      path: collection,
      method: 'get',
      id: `list${suffix}`,
      action: 'list',
      description: `List or watch objects of kind ${kind.kind}.`,
      produces: streams,
      parameters: [pretty, ...listing],
      pathParameters: outer,
      answer: list,
    });
  }
  if (verbs.has('create')) {
    out.push({
      ...shared,
      path: collection,
      method: 'post',
      id: `create${suffix}`,
      action: 'post',
      description: `Create a ${kind.kind}.`,
      parameters: [pretty, ...writing],
      pathParameters: outer,
      body: self,
      bodyRequired: true,
      codes: [200, 201, 202],
      answer: self,
    });
  }
  if (verbs.has('deletecollection')) {
    out.push({
      ...shared,
      path: collection,
      method: 'delete',
      id: `deleteCollection${suffix}`,
      action: 'deletecollection',
      description: `Delete a collection of kind ${kind.kind}.`,
      parameters: [
        pretty,
        ...deletion,
        ...listing.filter(({ name }) => name !== 'watch' && name !== 'allowWatchBookmarks'),
      ],
      pathParameters: outer,
      body: deleteBody,
      answer: status,
    });
  }
  if (verbs.has('get')) {
    out.push({
      ...shared,
      path: item,
      method: 'get',
      id: `read${suffix}`,
      action: 'get',
      description: `Read a ${kind.kind}.`,
      parameters: [pretty],
      pathParameters: inner,
      answer: self,
    });
  }
  const change = { ...shared, pathParameters: inner, codes: [200, 201], bodyRequired: true };
  if (verbs.has('update')) {
    out.push({
      ...change,
      path: item,
      method: 'put',
      id: `replace${suffix}`,
      action: 'put',
      description: `Replace a ${kind.kind}.`,
      parameters: [pretty, ...writing],
      body: self,
      answer: self,
    });
  }
  if (verbs.has('patch')) {
    out.push({
      ...change,
      path: item,
      method: 'patch',
      id: `patch${suffix}`,
      action: 'patch',
      description: `Change parts of a ${kind.kind}.`,
      consumes: patchTypes,
      parameters: [pretty, ...writing, force],
      body: { ref: metaName('Patch') },
      answer: self,
    });
  }
  if (verbs.has('delete')) {
    out.push({
      ...shared,
      path: item,
      method: 'delete',
      id: `delete${suffix}`,
      action: 'delete',
      description: `Delete a ${kind.kind}.`,
      parameters: [pretty, ...deletion],
      pathParameters: inner,
      body: deleteBody,
      codes: [200, 202],
      answer: status,
    });
  }
  if (namespaced && verbs.has('list')) {
    out.push({
      ...shared,
      path: `${basePath(kind)}/${kind.plural}`,
      method: 'get',
      id: `list${suffix.replace('Namespaced', '')}ForAllNamespaces`,
      action: 'list',
      description: `List or watch objects of kind ${kind.kind} in all namespaces.`,
      produces: streams,
      parameters: [pretty, ...listing],
      pathParameters: [],
      answer: list,
    });
  }
  out.push(...subresourceOperations(kind, { item, inner, suffix, tagText, lookup }));
  return out;
}

interface Place {
  readonly item: string;
  readonly inner: readonly Parameter[];
  readonly suffix: string;
  readonly tagText: string;
  readonly lookup: KindLookup;
}

const methods: Readonly<Record<string, Operation['method']>> = {
  get: 'get',
  create: 'post',
  update: 'put',
  patch: 'patch',
  delete: 'delete',
};
const words: Readonly<Record<string, string>> = {
  get: 'read',
  create: 'create',
  update: 'replace',
  patch: 'patch',
  delete: 'delete',
};

function subresourceOperations(kind: AnyKind, { item, inner, suffix, tagText, lookup }: Place): Operation[] {
  const out: Operation[] = [];
  for (const { name, kind: response, verbs } of subresourcesOf(kind)) {
    const known = lookup(response);
    const content: Content = known === undefined ? 'string' : { ref: definitionName(known.name) };
    for (const verb of verbs) {
      const method = methods[verb];
      if (method === undefined) continue;
      const connects = known === undefined;
      const writes = !connects && method !== 'get';
      const isPatch = method === 'patch' && !connects;
      out.push({
        path: `${item}/${name}`,
        method,
        id: `${connects ? `connect${method.charAt(0).toUpperCase()}${method.slice(1)}` : (words[verb] ?? verb)}${suffix}${camel(name)}`,
        action: connects ? 'connect' : verb === 'create' ? 'post' : verb === 'update' ? 'put' : verb,
        description: `${connects ? 'Connect to' : 'Work with'} ${name} of a ${kind.kind}.`,
        kind: response,
        tag: tagText,
        consumes: isPatch ? patchTypes : ['*/*'],
        produces: connects ? ['*/*'] : name === 'log' ? ['text/plain', ...encodings] : encodings,
        parameters: writes ? [pretty, ...writing, ...(isPatch ? [force] : [])] : [pretty],
        pathParameters: inner,
        body: isPatch ? { ref: metaName('Patch') } : writes ? content : undefined,
        bodyRequired: writes,
        codes: method === 'post' && !connects ? [200, 201, 202] : method === 'put' || isPatch ? [200, 201] : [200],
        answer: name === 'log' ? 'string' : content,
      });
    }
  }
  return out;
}
