import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryDirectory } from '#images/testing.ts';
import { nodeWorld } from '#world/node/world.ts';
import type { ContainerSecurity } from '../container-runtime.ts';
import { readInRoot } from './rootfs-path.ts';
import { resolveUser } from './users.ts';

const world = nodeWorld({ log: { level: 'error' } });
const security: ContainerSecurity = {
  privileged: false,
  readOnlyRootFilesystem: false,
  noNewPrivileges: true,
  supplementalGroups: [],
  addCapabilities: [],
  dropCapabilities: [],
  seccomp: 'RuntimeDefault',
  procMount: 'Default',
};

test('users and groups come from the image and the pod', async () => {
  await using root = await temporaryDirectory();
  await world.disk.makeDirectory(`${root.path}/etc`);
  await world.disk.write(
    `${root.path}/etc/passwd`,
    'root:x:0:0::/root:/bin/sh\nbad line\nweb:x:101:102::/:/bin/sh\nbig:x:99999999999:1::/:\n',
  );
  await world.disk.write(`${root.path}/etc/group`, 'root:x:0:\nweb:x:102:\nlogs:x:300:web,other\n');
  const of = (user: string, change: Partial<ContainerSecurity> = {}) =>
    resolveUser(world, root.path, user, { ...security, ...change });
  assert.deepEqual(await of(''), { uid: 0, gid: 0, additionalGids: [0] });
  assert.deepEqual(await of('web'), { uid: 101, gid: 102, additionalGids: [102, 300] });
  assert.deepEqual(await of('101:logs'), { uid: 101, gid: 300, additionalGids: [300] });
  assert.deepEqual(await of('4000'), { uid: 4000, gid: 0, additionalGids: [0] });
  assert.deepEqual(await of('web', { runAsUser: 5, runAsGroup: 6, supplementalGroups: [7, 6] }), {
    uid: 5,
    gid: 6,
    additionalGids: [6, 7],
  });
  await assert.rejects(of('nobody'), {
    reason: 'CreateContainerError',
    message: /unable to find user nobody: no matching entries in passwd file/,
  });
  await assert.rejects(of('web:staff'), { message: /unable to find group staff/ });
  await assert.rejects(of('big'), { message: /unable to find user big/ });
});

test("links inside an image's root never lead out of it", async () => {
  await using root = await temporaryDirectory();
  await using outside = await temporaryDirectory();
  await world.disk.write(`${outside.path}/secret`, 'secret');
  await world.disk.makeDirectory(`${root.path}/real`);
  await world.disk.write(`${root.path}/real/file`, 'inside');
  await world.disk.symlink('/real', `${root.path}/abs`);
  await world.disk.symlink(`../../../../../../..${outside.path}`, `${root.path}/up`);
  await world.disk.symlink('loop', `${root.path}/loop`);
  await world.disk.symlink(`${outside.path}/secret`, `${root.path}/real/leak`);
  const read = (path: string) => readInRoot(world, root.path, path, 100);
  assert.equal(await read('/abs/file'), 'inside');
  assert.equal(await read('/../../abs/../abs/file'), 'inside');
  for (const path of ['/up/secret', '/loop/x', '/real/leak', '/missing', '/real'])
    assert.equal(await read(path), undefined, path);
  assert.equal(await readInRoot(world, root.path, '/real/file', 3), undefined);
});
