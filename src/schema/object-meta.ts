/**
 * ObjectMeta and its parts as declarations, for the interpreters. The TypeScript shapes stand in `meta/object-meta.ts`.
 */
import { s, struct, t } from './type.ts';

export const ownerReference = struct(
  'meta.v1.OwnerReference',
  {
    apiVersion: s.string(5).doc('API version of the owner.'),
    kind: s.string(1).doc('Kind of the owner.'),
    name: s.string(3).doc('Name of the owner.'),
    uid: s.string(4).doc('UID of the owner: a new object of the same name is not the owner.'),
    controller: s.boolean(6).keepsZero().optional().doc('True for the one owner that manages this object.'),
    blockOwnerDeletion: s
      .boolean(7)
      .keepsZero()
      .optional()
      .doc('True when a foreground deletion of the owner waits until this object is gone.'),
  },
  {
    doc: 'Names an object that owns this one. The owner lives in the same namespace or is cluster-scoped.',
    atomic: true,
  },
);

export const managedFieldsEntry = struct(
  'meta.v1.ManagedFieldsEntry',
  {
    manager: s.string(1).optional().doc('Who manages these fields.'),
    operation: s.string(2).optional().doc('How they came to manage them: Apply or Update.'),
    apiVersion: s.string(3).optional().doc('The version in which the field set is written.'),
    time: s.time(4).optional().doc('When the set last changed.'),
    fieldsType: s.string(6).optional().doc('The format of the field set; FieldsV1 is the only one.'),
    fieldsV1: s.any(7).optional().doc('The field set, as a tree of field names and list keys.'),
    subresource: s
      .string(8)
      .optional()
      .doc('The subresource through which the fields were written; empty for the main resource.'),
  },
  { doc: 'The fields of an object that one manager owns.' },
);

export const objectMeta = struct(
  'meta.v1.ObjectMeta',
  {
    name: s.string(1).optional().doc('Unique in its namespace among objects of the kind; cannot be changed.'),
    generateName: s.string(2).optional().doc('A prefix from which the server makes a unique name when none is given.'),
    namespace: s.string(3).optional().doc('The namespace the object lives in; empty for cluster-scoped kinds.'),
    selfLink: s.string(4).optional().doc('Deprecated and never filled in.'),
    uid: s.string(5).optional().doc('Unique over time and space; set by the server.'),
    resourceVersion: s
      .string(6)
      .optional()
      .doc('An opaque value that changes with each write: send it back to make sure that nobody wrote in between.'),
    generation: s.int64(7).optional().doc('Raised by the server whenever the desired state changes.'),
    creationTimestamp: s.time(8).optional().doc('When the server created the object.'),
    deletionTimestamp: s
      .time(9)
      .optional()
      .doc(
        'When the object is to be gone, once a graceful deletion was asked for. It stays until its finalizers are removed.',
      ),
    deletionGracePeriodSeconds: s
      .int64(10)
      .keepsZero()
      .optional()
      .doc('How long the object may take to end; set with deletionTimestamp.'),
    labels: s.map(11, t.string).optional().doc('Keys and values to organise and select objects by.'),
    annotations: s
      .map(12, t.string)
      .optional()
      .doc('Unstructured keys and values that tools keep with the object; not selectable.'),
    ownerReferences: s
      .list(13, ownerReference, { list: 'map', keys: ['uid'], patch: { strategy: 'merge', mergeKey: 'uid' } })
      .optional()
      .doc('The objects this one depends on: when all are gone, it is collected.'),
    finalizers: s
      .list(14, t.string, { list: 'set', patch: { strategy: 'merge' } })
      .optional()
      .doc('Must be empty before a deleted object goes; each entry is removed by the component it names.'),
    managedFields: s
      .list(17, managedFieldsEntry)
      .optional()
      .doc('Which manager owns which fields. Kept by the server for apply.'),
  },
  { doc: 'What every stored object has.' },
);

export const shardInfo = struct(
  'meta.v1.ShardInfo',
  { selector: s.string(1).doc('The selector that the shard was asked for with.') },
  { doc: 'Which part of all objects a list holds.' },
);

export const listMeta = struct(
  'meta.v1.ListMeta',
  {
    selfLink: s.string(1).optional().doc('Deprecated and never filled in.'),
    resourceVersion: s.string(2).optional().doc('The version of the list: a watch can start from here.'),
    continue: s.string(3).optional().doc('A token to ask for the next page with; empty on the last one.'),
    remainingItemCount: s
      .int64(4)
      .keepsZero()
      .optional()
      .doc('How many items follow this page; absent when a selector makes it unknown.'),
    shardInfo: s.field(5, shardInfo).off('ShardedListAndWatch').doc('Which part of all objects this is.'),
  },
  { doc: 'What every list has.' },
);
