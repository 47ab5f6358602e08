/**
 * The meta/v1 structs that are no part of a stored object: what requests carry (DeleteOptions) and what answers carry (Status, discovery lists).
 * Declared like every other struct so that decoding and OpenAPI derive.
 */
import { listMeta } from './object-meta.ts';
import { s, struct, t, type Of } from './type.ts';

const typeMeta = {
  apiVersion: s.string(0).optional().doc('The group and version of this object.'),
  kind: s.string(0).optional().doc('The kind of this object, in CamelCase.'),
};

export const statusCause = struct(
  'meta.v1.StatusCause',
  {
    reason: s.string(1).optional().doc('What kind of problem it is, for programs.'),
    message: s.string(2).optional().doc('What is wrong, for people.'),
    field: s.string(3).optional().doc('The path of the field at fault, as in `spec.ports[0].name`.'),
  },
  { doc: 'One cause of a failure.' },
);

export const statusDetails = struct(
  'meta.v1.StatusDetails',
  {
    name: s.string(1).optional().doc('The name of the object that the failure is about.'),
    group: s.string(2).optional().doc('Its API group.'),
    kind: s.string(3).optional().doc('Its kind, or its resource.'),
    uid: s.string(6).optional().doc('Its UID.'),
    causes: s.list(4, statusCause).optional().doc('Every cause that was found.'),
    retryAfterSeconds: s.int32(5).optional().doc('How long to wait before a new attempt.'),
  },
  { doc: 'More about a failure.' },
);

export const status = struct(
  'meta.v1.Status',
  {
    ...typeMeta,
    metadata: s.field(1, listMeta).optional().doc('List metadata; empty.'),
    status: s.string(2).optional().doc('Success or Failure.'),
    message: s.string(3).optional().doc('What happened, for people.'),
    reason: s.string(4).optional().doc('Why, for programs.'),
    details: s.field(5, statusDetails).optional().doc('More about the failure, as far as its reason defines it.'),
    code: s.int32(6).optional().doc('The HTTP code.'),
  },
  { doc: 'The answer of a call that returns no object.' },
);

export const preconditions = struct(
  'meta.v1.Preconditions',
  {
    uid: s.string(1).keepsZero().optional().doc('Only an object with this UID.'),
    resourceVersion: s.string(2).keepsZero().optional().doc('Only an object at this version.'),
  },
  { doc: 'What must hold of an object before it is deleted.' },
);

export const deleteOptions = struct(
  'meta.v1.DeleteOptions',
  {
    ...typeMeta,
    gracePeriodSeconds: s
      .int64(1)
      .keepsZero()
      .optional()
      .doc('Seconds the object may take to end; 0 means at once. Each kind has its own default.'),
    preconditions: s
      .field(2, preconditions)
      .optional()
      .doc('What must hold of the object; otherwise the answer is 409.'),
    orphanDependents: s.boolean(3).keepsZero().optional().doc('Deprecated: use propagationPolicy.'),
    propagationPolicy: s
      .string(4)
      .keepsZero()
      .optional()
      .doc('What becomes of dependents: Orphan, Background or Foreground.'),
    dryRun: s.list(5, t.string).optional().doc('`All`: do everything but store the result.'),
    ignoreStoreReadErrorWithClusterBreakingPotential: s
      .boolean(6)
      .keepsZero()
      .optional()
      .doc('Delete even an object that cannot be read from the store, without finalizers and preconditions.'),
  },
  { doc: 'How an object is to be deleted.' },
);
export interface DeleteOptions extends Of<typeof deleteOptions> {}

export const patch = struct(
  'meta.v1.Patch',
  {},
  { doc: 'The body of a PATCH: its shape is that of the content type.' },
);

export const watchEvent = struct(
  'meta.v1.WatchEvent',
  {
    type: s.string(1).doc('ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.'),
    object: s.any(2).doc('The object after the change, before its deletion, or a Status for ERROR.'),
  },
  { doc: 'One event of a watch.' },
);

export const serverAddressByClientCidr = struct(
  'meta.v1.ServerAddressByClientCIDR',
  {
    clientCIDR: s.string(1).doc('The range of clients that use this address.'),
    serverAddress: s.string(2).doc('Host or host:port of the server.'),
  },
  { doc: 'Which server address a client uses, by where it is.' },
);

export const groupVersionForDiscovery = struct(
  'meta.v1.GroupVersionForDiscovery',
  {
    groupVersion: s.string(1).doc('`group/version`.'),
    version: s.string(2).doc('The version alone.'),
  },
  { doc: 'One version of an API group.' },
);

export const apiGroup = struct(
  'meta.v1.APIGroup',
  {
    ...typeMeta,
    name: s.string(1).doc('The name of the group.'),
    versions: s.list(2, groupVersionForDiscovery).doc('The versions that are served.'),
    preferredVersion: s.field(3, groupVersionForDiscovery).optional().doc('The version that the server prefers.'),
    serverAddressByClientCIDRs: s
      .list(4, serverAddressByClientCidr)
      .optional()
      .doc('Which address serves which clients.'),
  },
  { doc: 'An API group.' },
);

export const apiGroupList = struct(
  'meta.v1.APIGroupList',
  { ...typeMeta, groups: s.list(1, apiGroup).doc('All groups.') },
  { doc: 'All API groups.' },
);

export const apiResource = struct(
  'meta.v1.APIResource',
  {
    name: s.string(1).doc('The plural name.'),
    singularName: s.string(6).doc('The singular name.'),
    namespaced: s.boolean(2).doc('Whether objects live in namespaces.'),
    group: s.string(8).optional().doc('The group of the kind; empty means that of the list.'),
    version: s.string(9).optional().doc('The version of the kind; empty means that of the list.'),
    kind: s.string(3).doc('The kind.'),
    verbs: s.list(4, t.string).doc('What can be done with it.'),
    shortNames: s.list(5, t.string).optional().doc('Short names.'),
    categories: s.list(7, t.string).optional().doc('The groups of resources it belongs to, such as `all`.'),
    storageVersionHash: s.string(10).optional().doc('Changes with the version in which objects are stored.'),
  },
  { doc: 'One resource of a group and version.' },
);

export const apiResourceList = struct(
  'meta.v1.APIResourceList',
  {
    ...typeMeta,
    groupVersion: s.string(1).doc('The group and version.'),
    resources: s.list(2, apiResource).doc('Its resources.'),
  },
  { doc: 'The resources of a group and version.' },
);

export const apiVersions = struct(
  'meta.v1.APIVersions',
  {
    ...typeMeta,
    versions: s.list(1, t.string).doc('The versions of the core group.'),
    serverAddressByClientCIDRs: s.list(2, serverAddressByClientCidr).doc('Which address serves which clients.'),
  },
  { doc: 'The versions of the core group.' },
);

export const versionInfo = struct(
  '.io.k8s.apimachinery.pkg.version.Info',
  {
    major: s.string(0).doc('The major version of the API.'),
    minor: s.string(0).doc('The minor version of the API.'),
    emulationMajor: s.string(0).optional().doc('The major version that is emulated.'),
    emulationMinor: s.string(0).optional().doc('The minor version that is emulated.'),
    minCompatibilityMajor: s.string(0).optional().doc('The oldest major version that can be emulated.'),
    minCompatibilityMinor: s.string(0).optional().doc('The oldest minor version that can be emulated.'),
    gitVersion: s.string(0).doc('The whole version.'),
    gitCommit: s.string(0).doc('The commit it was built from.'),
    gitTreeState: s.string(0).doc('Whether the tree had changes beside that commit.'),
    buildDate: s.string(0).doc('When it was built.'),
    goVersion: s.string(0).doc('The language it was built with.'),
    compiler: s.string(0).doc('What it was built with.'),
    platform: s.string(0).doc('The operating system and the processor.'),
  },
  { doc: 'Which program answers.' },
);
