/** What can happen to a control plane of a cluster: its processes are killed, its machine is cut off. And who leads, to choose whom it happens to. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until, type Place } from './cluster-fixture.ts';
import type { Access } from './control-planes-load.ts';

export interface Status {
  readonly components: readonly { readonly name: string; readonly state: string; readonly role?: string }[];
}

const planeOf = (label: string): string => /control-plane-\d/.exec(label)?.[0] ?? '';

export async function statusOf(place: Place): Promise<Status> {
  const { stdout } = await place.cli('status -o json');
  return JSON.parse(stdout) as Status;
}

/** Every process runs and every member of etcd answers. */
export const well = (place: Place): Promise<true> =>
  until('every control plane is well', async () => {
    const { components } = await statusOf(place);
    return components.every(({ state, role }) => state === 'running' && role !== 'does not answer');
  });

/** The control plane whose member of etcd leads. */
export const etcdLeader = (place: Place): Promise<string> =>
  until('a member of etcd leads', async () => {
    const { components } = await statusOf(place);
    const leader = components.find(({ name, role }) => name.startsWith('etcd') && role === 'leader');
    return leader && planeOf(leader.name);
  });

/** The control plane whose controllers work. */
export const controllersOf = async (place: Place): Promise<string> =>
  planeOf(await place.get('get lease kube-controller-manager -n kube-system -o jsonpath={.spec.holderIdentity}'));

export async function kill(place: Place, plane: string): Promise<void> {
  const { etcdState, serverState } = place.layout.controlPlane(plane);
  for (const state of [etcdState, serverState]) process.kill(await place.pidOf(state), 'SIGKILL');
}

/** The machine's cable, at the host's end. */
export async function cable(place: Place, plane: string): Promise<(state: 'up' | 'down') => void> {
  const { id } = await place.configuration();
  const ip = (...words: string[]): string => execFileSync('ip', words, { encoding: 'utf8' });
  const index = /eth0@if(\d+)/.exec(ip('-n', `k8ts-${id}-${plane}`, '-o', 'link', 'show', 'eth0'))?.[1];
  const link = new RegExp(`^${index}: ([^@:]+)`, 'm').exec(ip('-o', 'link', 'show'))?.[1] ?? '';
  assert.ok(link.startsWith(`k8tv${id}`), `the link of ${plane} was not found`);
  return (state) => void ip('link', 'set', link, state);
}

/** The administrator's way to the front, and to each server. */
export async function accessOf(place: Place): Promise<{ readonly front: Access; readonly servers: readonly Access[] }> {
  const read = (file: string): string => readFileSync(join(place.layout.pki, file), 'utf8');
  const front = {
    url: `https://127.0.0.1:${place.port}`,
    ca: read('ca.crt'),
    cert: read('admin.crt'),
    key: read('admin.key'),
  };
  const { controlPlanes = [] } = await place.configuration();
  return { front, servers: controlPlanes.map(({ address }) => ({ ...front, url: `https://${address}:6443` })) };
}
