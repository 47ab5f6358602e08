import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asRoot, withApplets, leftovers, ociFixture, until, world } from './oci-fixture.ts';

test(
  'containers outlive their agent: running ones are adopted, what ended meanwhile is reported with every line',
  withApplets,
  async () => {
    await using fixture = await ociFixture();
    const sandbox = await fixture.sandbox();
    const runs = await fixture.run(sandbox, 'i=0; while :; do echo "tick $i"; i=$((i+1)); sleep 0.02; done');
    const ends = await fixture.run(
      sandbox,
      'echo start; until [ -e /dev/shm/go ]; do sleep 0.01; done; seq 500; echo last words; exit 7',
    );
    const created = await fixture.create(sandbox, 'true');
    await until(async () => (await fixture.log(ends)).includes('start'));
    const pid = await fixture.exec(runs, ['sh', '-c', 'echo $PPID; touch /dev/shm/go']);
    assert.equal(pid.code, 0);
    const before = await fixture.container(runs);
    await fixture.runtime[Symbol.asyncDispose]();
    await world.clock.sleep(300);
    await fixture.restart();
    assert.deepEqual({ ...(await fixture.container(runs)), message: '' }, { ...before, message: '' });
    assert.equal((await fixture.container(created)).state, 'created');
    const ended = await fixture.exited(ends);
    assert.deepEqual([ended.exitCode, ended.reason], [7, 'Error']);
    assert.match(await fixture.log(ends), /F start\n[^]*F 500\n[^]*F last words\n$/);
    assert.equal(fixture.network.attached.get(sandbox), '10.255.0.2');
    const count = (await fixture.log(runs)).length;
    await until(async () => (await fixture.log(runs)).length > count);
    const numbers = [...(await fixture.log(runs)).matchAll(/F tick (\d+)\n/g)].map((match) => Number(match[1]));
    assert.ok(
      numbers.every((value, at) => value === at),
      'no line is lost or said twice',
    );
    assert.equal((await fixture.exec(runs, ['true'])).code, 0);
    await fixture.runtime.startContainer(created);
    assert.equal((await fixture.exited(created)).exitCode, 0);
  },
);

test(
  'an agent killed with SIGKILL leaves running containers, and the next one cleans all of it up',
  asRoot,
  async () => {
    const fixture = await ociFixture();
    await using _ = fixture;
    const agent = world.processes.spawn(
      [process.execPath, new URL('./oci-agent.ts', import.meta.url).pathname, fixture.path, fixture.cgroupRoot],
      { stdio: { appendTo: `${fixture.path}/agent.log` } },
    );
    const started = await until(
      async () => /started (\w+)/.exec((await world.disk.readText(`${fixture.path}/agent.log`)) ?? '')?.[1],
    );
    agent.kill('SIGKILL');
    await agent.exited;
    await fixture.restart();
    const container = await fixture.container(started);
    assert.equal(container.state, 'running');
    await until(async () => (await fixture.log(started)).includes('still here'));
    await fixture.runtime.stopContainer(started, 5000);
    assert.equal((await fixture.container(started)).exitCode, 8);
    await fixture[Symbol.asyncDispose]();
    assert.deepEqual(await leftovers(fixture), []);
  },
);

test('a container whose monitor was killed still runs, and its end is noticed without a code', asRoot, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const id = await fixture.run(sandbox, 'echo on; until [ -e /dev/shm/go ]; do sleep 0.02; done');
  const directory = `${fixture.path}/oci/containers/${id}`;
  const monitor = Number(await world.disk.readText(`${directory}/monitor`));
  const foreground = Number(
    /^\d+ \(.*\) \S (\d+) /s.exec(
      (await world.disk.readText(`/proc/${Number(await world.disk.readText(`${directory}/pid`))}/stat`)) ?? '',
    )?.[1],
  );
  world.processes.kill(monitor, 'SIGKILL');
  world.processes.kill(foreground, 'SIGKILL');
  await fixture.restart();
  assert.equal((await fixture.container(id)).state, 'running');
  assert.equal((await fixture.exec(id, ['touch', '/dev/shm/go'])).code, 0);
  const container = await fixture.exited(id);
  assert.deepEqual([container.exitCode, container.reason], [255, 'Unknown']);
});

test('after a reboot everything has ended and can be removed', asRoot, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const id = await fixture.run(sandbox, 'exec sleep 1000');
  await fixture.runtime[Symbol.asyncDispose]();
  // What a reboot does: processes and mounts are gone, the files stay, the kernel has a new boot id.
  const directory = `${fixture.path}/oci`;
  for (const name of ['monitor', 'pid'])
    world.processes.kill(Number(await world.disk.readText(`${directory}/containers/${id}/${name}`)), 'SIGKILL');
  const places = [
    `containers/${id}/rootfs`,
    ...['net', 'uts', 'ipc', 'shm'].map((name) => `sandboxes/${sandbox}/${name}`),
  ];
  for (const place of places) await world.processes.run(['umount', '-l', `${directory}/${place}`]);
  for (const path of [`containers/${id}/container.json`, `sandboxes/${sandbox}/sandbox.json`]) {
    const text = (await world.disk.readText(`${directory}/${path}`)) ?? '';
    await world.disk.write(`${directory}/${path}`, text.replace(/"bootId":"[^"]+"/, '"bootId":"another"'));
  }
  await fixture.restart();
  assert.equal((await fixture.runtime.sandboxes())[0]?.state, 'notReady');
  const container = await fixture.container(id);
  assert.deepEqual([container.state, container.exitCode, container.reason], ['exited', 255, 'Unknown']);
  await fixture.runtime.removeSandbox(sandbox);
  assert.deepEqual(await fixture.runtime.containers(), []);
});
