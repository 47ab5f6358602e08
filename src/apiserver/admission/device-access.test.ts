/** Access to devices of others, as clients of the whole API server see it; and what else is told of an update of a claim. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Namespace } from '#api/core/namespace.ts';
import { ResourceClaim } from '#api/resource/resourceclaim.ts';
import { ResourceClaimTemplate } from '#api/resource/resourceclaimtemplate.ts';
import { refusal, testApi } from '../test-api.ts';

const label = 'resource.kubernetes.io/admin-access';
const exactly = { deviceClassName: 'gpu', adminAccess: true };
const devices = {
  requests: [
    { name: 'a', exactly: { deviceClassName: 'gpu' } },
    { name: 'b', exactly },
  ],
};
const metadata = { name: 'x', namespace: 'default' };
const causesOf = async (write: Promise<unknown>): Promise<readonly string[]> =>
  ((await refusal(write)).details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
const refused = (path: string): string =>
  `${path}.adminAccess: Forbidden: admin access to devices requires the \`${label}: true\` label on the containing namespace`;

test('a claim or a template asks for devices of others only where the namespace allows it', async () => {
  await using api = await testApi();
  const { client } = api;
  const claim = { metadata, spec: { devices } };
  const template = { metadata, spec: { spec: { devices } } };
  const path = 'spec.devices.requests[1]';
  assert.deepEqual(await causesOf(client.create(ResourceClaim, claim as never)), [refused(path)]);
  assert.deepEqual(await causesOf(client.create(ResourceClaimTemplate, template as never)), [refused(path)]);
  const namespace = await client.get(Namespace, 'default');
  await client.update(Namespace, { ...namespace, metadata: { ...namespace.metadata, labels: { [label]: 'true' } } });
  await client.create(ResourceClaim, claim as never);
  await client.create(ResourceClaimTemplate, template as never);
});

test('a status does not give devices of others where the namespace forbids it', async () => {
  await using api = await testApi();
  const { client } = api;
  const claim = await client.create(ResourceClaim, {
    metadata,
    spec: { devices: { requests: [devices.requests[0]] } },
  } as never);
  const result = { request: 'a', driver: 'd', pool: 'p', device: 'e', adminAccess: true };
  const given = { ...claim, status: { allocation: { devices: { results: [result] } } } };
  assert.deepEqual(await causesOf(client.update(ResourceClaim, given as never, { subresource: 'status' })), [
    refused('status.allocation.devices.results[0]'),
  ]);
});

test('of a changed claim only the change is told', async () => {
  await using api = await testApi();
  const claim = await api.client.create(ResourceClaim, { metadata, spec: { devices: {} } });
  const changed = { ...claim, spec: { devices: { requests: [{ name: 'B', exactly }] } } };
  assert.deepEqual(await causesOf(api.client.update(ResourceClaim, changed as never)), [
    'spec: Invalid value: null: field is immutable',
  ]);
});
