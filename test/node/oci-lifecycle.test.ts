import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asRoot, withApplets, leftovers, ociFixture, textOf, until, world } from './oci-fixture.ts';

test('a pod of two containers starts, shares its namespaces, logs, ends and leaves nothing', withApplets, async () => {
  const fixture = await ociFixture();
  await using _ = fixture;
  const changes: string[] = [];
  using _listener = fixture.runtime.onChange((id) => changes.push(id));
  const sandbox = await fixture.sandbox({ hostname: 'twins', sysctls: { 'net.core.somaxconn': '321' } });
  const [view] = await fixture.runtime.sandboxes();
  assert.deepEqual([view?.state, view?.ips, view?.labels], ['ready', ['10.255.0.2'], { app: 'test' }]);
  const one = await fixture.run(
    sandbox,
    'echo out; echo err >&2; printf tail; echo shared >/dev/shm/x; exec sleep 1000',
    { environment: [{ name: 'A', value: 'b c' }] },
  );
  const two = await fixture.run(
    sandbox,
    'hostname; cat /proc/sys/net/core/somaxconn; until cat /dev/shm/x; do sleep 0.01; done; exit 3',
    { attempt: 4 },
  );
  const ended = await fixture.exited(two);
  assert.deepEqual([ended.exitCode, ended.reason, ended.attempt], [3, 'Error', 4]);
  assert.ok((ended.finishedAt ?? 0) >= (ended.startedAt ?? Infinity) && (ended.startedAt ?? 0) >= ended.createdAt - 50);
  const lines = (await fixture.log(two)).trim().split('\n');
  assert.match(lines[0] ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z stdout F twins$/);
  assert.deepEqual(
    lines.filter((line) => line.includes(' stdout ')).map((line) => line.split(' ').slice(2).join(' ')),
    ['F twins', 'F 321', 'F shared'],
  );
  assert.equal((await fixture.container(one)).state, 'running');
  assert.deepEqual(await fixture.exec(one, ['sh', '-c', 'echo $A; id -u; cat /proc/1/comm; pwd']), {
    code: 0,
    stdout: 'b c\n0\nsleep\n/app\n',
    stderr: '',
  });
  const network = (id: string) =>
    fixture.exec(id, ['readlink', '/proc/self/ns/net', '/proc/self/ns/ipc', '/proc/self/ns/uts']);
  const three = await fixture.run(sandbox, 'exec sleep 1000');
  assert.deepEqual((await network(one)).stdout, (await network(three)).stdout);

  const stopped = world.clock.monotonic();
  await fixture.runtime.stopContainer(one, 200);
  // `sleep` as process 1 has no handler for SIGTERM: the grace passes, then SIGKILL.
  assert.ok(world.clock.monotonic() - stopped >= 195);
  assert.equal((await fixture.container(one)).exitCode, 137);
  assert.match(await fixture.log(one), / stdout F out\n[^]* stdout F tail\n/);
  await fixture.runtime.removeContainer(one);
  await fixture.runtime.removeContainer(one);
  await fixture.runtime.stopSandbox(sandbox);
  assert.equal((await fixture.runtime.sandboxes())[0]?.state, 'notReady');
  assert.equal(fixture.network.attached.size, 0);
  assert.equal((await fixture.container(three)).exitCode, 137);
  await fixture.runtime.removeSandbox(sandbox);
  await fixture.runtime.removeSandbox(sandbox);
  assert.deepEqual(await fixture.runtime.containers(), []);
  assert.ok(changes.length >= 4 && changes.every((id) => id === sandbox));
  await fixture[Symbol.asyncDispose]();
  assert.deepEqual(await leftovers(fixture), []);
});

test('a container that handles SIGTERM ends by itself with its own code', asRoot, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const id = await fixture.run(sandbox, 'trap "echo bye; exit 5" TERM; echo ready; while :; do sleep 0.05; done');
  await until(async () => (await fixture.log(id)).includes('ready'));
  await fixture.runtime.stopContainer(id, 10_000);
  const container = await fixture.container(id);
  assert.deepEqual([container.exitCode, container.reason], [5, 'Error']);
  assert.match(await fixture.log(id), /stdout F bye\n$/);
});

test('what cannot start says so in the words of containerd', asRoot, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const missing = await fixture.create(sandbox, ['no-such-program']);
  await assert.rejects(fixture.runtime.startContainer(missing), {
    reason: 'RunContainerError',
    message:
      /^failed to create task: OCI runtime create failed: (?:runc|crun) create failed: unable to start container process: exec: "no-such-program": executable file not found in \$PATH: unknown$/,
  });
  const failed = await fixture.container(missing);
  assert.deepEqual([failed.state, failed.exitCode, failed.reason], ['exited', 128, 'StartError']);
  assert.match(failed.message ?? '', /executable file not found in \$PATH/);
  await assert.rejects(fixture.create(sandbox, 'true', { imageId: `sha256:${'0'.repeat(64)}` }), {
    reason: 'CreateContainerError',
    message: /not found/,
  });
  const security = {
    privileged: false,
    readOnlyRootFilesystem: false,
    noNewPrivileges: false,
    supplementalGroups: [],
    addCapabilities: ['NOPE'],
    dropCapabilities: [],
    seccomp: 'RuntimeDefault',
    procMount: 'Default',
  } as const;
  await assert.rejects(fixture.create(sandbox, 'true', { security }), {
    reason: 'CreateContainerError',
    message: /unknown capability "CAP_NOPE"/,
  });
  await assert.rejects(fixture.sandbox({ sysctls: { 'net.bad; rm': '1' } }), {
    reason: 'CreatePodSandboxError',
    message: /invalid sysctl/,
  });
  await assert.rejects(fixture.sandbox({ sysctls: { 'net.no.such': '1' } }), { reason: 'CreatePodSandboxError' });
  assert.equal((await fixture.runtime.containers()).length, 1);
  assert.equal((await fixture.runtime.sandboxes()).length, 1);
});

test('users, capabilities, read-only roots, mounts and privileges are as asked', withApplets, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const base = {
    privileged: false,
    readOnlyRootFilesystem: false,
    noNewPrivileges: true,
    supplementalGroups: [2000],
    addCapabilities: [],
    dropCapabilities: [],
    seccomp: 'RuntimeDefault',
    procMount: 'Default',
  } as const;
  const volume = `${fixture.path}/volume`;
  await world.disk.makeDirectory(volume);
  await world.disk.write(`${volume}/in`, 'from the host\n');
  const status = 'grep -E "^(NoNewPrivs|CapBnd|Seccomp):" /proc/self/status';

  const image = await fixture.run(
    sandbox,
    `id; ${status}; touch /etc/x; cat /vol/in; echo y >/vol/out || echo read-only`,
    { security: base, mounts: [{ hostPath: volume, containerPath: '/vol', readOnly: true, propagation: 'private' }] },
  );
  await fixture.exited(image);
  const log = await fixture.log(image);
  assert.match(log, /uid=1000\(guestbook\) gid=1000\(guestbook\) groups=1000\(guestbook\),2000/);
  assert.match(log, /NoNewPrivs:\t1\n[^]*Seccomp:\t2\n/);
  assert.match(log, /CapBnd:\t00000000a80425fb/);
  assert.match(log, /from the host/);
  assert.match(log, /read-only/);

  const locked = await fixture.run(
    sandbox,
    `${status}; touch /x || echo locked; touch /vol/ok && echo writable; echo 1 >/proc/sys/kernel/hostname || echo masked`,
    {
      security: {
        ...base,
        runAsUser: 0,
        readOnlyRootFilesystem: true,
        dropCapabilities: ['ALL'],
        addCapabilities: ['NET_BIND_SERVICE'],
      },
      mounts: [{ hostPath: volume, containerPath: '/vol', readOnly: false, propagation: 'private' }],
    },
  );
  await fixture.exited(locked);
  assert.match(await fixture.log(locked), /CapBnd:\t0000000000000400[^]*locked\n[^]*writable\n[^]*masked/);

  const privileged = await fixture.run(
    sandbox,
    `${status}; ls /dev/loop-control /dev/kmsg 2>/dev/null | wc -l; mkdir /m && mount -t tmpfs x /m && echo mounted`,
    { security: { ...base, runAsUser: 0, privileged: true, noNewPrivileges: false } },
  );
  await fixture.exited(privileged);
  assert.match(await fixture.log(privileged), /Seccomp:\t0\n[^]*mounted/);

  const forbidden = await fixture.run(
    sandbox,
    'mkdir /m; mount -t tmpfs x /m || echo refused; unshare -m true || echo refused',
    { security: { ...base, runAsUser: 0, addCapabilities: ['SYS_PTRACE'] } },
  );
  await fixture.exited(forbidden);
  assert.equal((await fixture.log(forbidden)).match(/refused/g)?.length, 2);
});

test(
  'limits bite: memory ends in OOMKilled, processor time is cut, processes are counted; all can be changed',
  asRoot,
  async () => {
    await using fixture = await ociFixture();
    const sandbox = await fixture.sandbox();
    const eater = await fixture.run(sandbox, ['node', '-e', 'const a = []; for (;;) a.push(Buffer.alloc(8e6, 1))'], {
      resources: { memoryLimitBytes: 64 * 1024 * 1024, oomScoreAdjust: -998 },
    });
    const container = await fixture.exited(eater);
    assert.deepEqual([container.reason, container.exitCode], ['OOMKilled', 137]);
    const limited = await fixture.run(sandbox, 'exec sleep 1000', {
      resources: {
        cpuShares: 512,
        cpuQuotaMicros: 20_000,
        cpuPeriodMicros: 100_000,
        memoryLimitBytes: 32 * 1024 * 1024,
        pidsLimit: 20,
      },
    });
    const used = await fixture.exec(limited, [
      'sh',
      '-c',
      'a=$(cut -d. -f1 /proc/uptime); i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done; for n in $(seq 40); do sleep 2 & done 2>&1 | head -1; cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null',
    ]);
    assert.match(used.stdout + used.stderr, /fork/);
    assert.match(used.stdout, /33554432/);
    const [stats] = await fixture.runtime.stats();
    assert.equal(stats?.containerId, limited);
    assert.ok(
      (stats?.cpuNanos ?? 0) > 1e6 &&
        (stats?.memoryBytes ?? 0) > 10_000 &&
        (stats?.memoryWorkingSetBytes ?? 0) <= (stats?.memoryBytes ?? 0),
    );
    await fixture.runtime.updateResources(limited, { memoryLimitBytes: 40 * 1024 * 1024, cpuShares: 1024 });
    const after = await fixture.exec(limited, [
      'sh',
      '-c',
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null',
    ]);
    assert.match(after.stdout, /41943040/);
  },
);

test('a shared process namespace shows all processes of the pod and reaps orphans', asRoot, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox({ shareProcessNamespace: true });
  const one = await fixture.run(sandbox, 'exec sleep 1111');
  const two = await fixture.run(sandbox, '(sleep 2222 &); sleep 0.1; exit 0');
  await fixture.exited(two);
  const { stdout } = await fixture.exec(one, ['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "']);
  assert.match(stdout, /sleep 1111/);
  assert.equal(stdout.includes('2222'), false, 'the processes of an ended container are gone');
  const behind = await fixture.exec(one, ['sh', '-c', 'ls /proc/1/root/; cat /proc/1/root/etc/shadow']);
  assert.equal(
    /etc|home|root|var/.test(behind.stdout),
    false,
    "nothing of the machine but its programs is behind the holder's root",
  );
});

test('host namespaces on request', withApplets, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox({ hostNetwork: true, hostPid: true, hostIpc: true, hostname: 'the-node' });
  const id = await fixture.run(sandbox, 'readlink /proc/self/ns/net; hostname; exec sleep 1000');
  const own = await world.disk.readLink('/proc/self/ns/net');
  await until(async () => (await fixture.log(id)).includes(`${own}`) && (await fixture.log(id)).includes('the-node'));
  assert.deepEqual((await fixture.runtime.sandboxes())[0]?.ips, []);
  await fixture.runtime.stopContainer(id, 0);
  assert.equal((await fixture.container(id)).exitCode, 137);
});

test('long lines are cut, logs are turned over and reopened', asRoot, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const id = await fixture.run(sandbox, [
    'node',
    '-e',
    'process.stdout.write("x".repeat(40000) + "\\n"); for (let i = 0; i < 300000; i++) console.log("line " + i + " " + "y".repeat(200)); setInterval(() => console.log("tick"), 20)',
  ]);
  const path = (await fixture.container(id)).logPath;
  await until(async () => (await fixture.log(id)).endsWith('tick\n'));
  const directory = path.slice(0, path.lastIndexOf('/'));
  const files = ((await world.disk.list(directory)) ?? []).map(({ name }) => name);
  assert.equal(files.length, 5);
  for (const name of files)
    assert.ok(((await world.disk.stat(`${directory}/${name}`))?.sizeBytes ?? 0) < 11 * 1024 * 1024);
  let all = '';
  const own = path.slice(directory.length + 1);
  for (const name of [...files.filter((file) => file !== own).toSorted(), own])
    all += await world.disk.readText(`${directory}/${name}`);
  const numbers = [...all.matchAll(/ stdout F line (\d+) y/g)].map((match) => Number(match[1]));
  assert.equal(numbers.at(-1), 299_999);
  assert.ok(
    numbers.every((value, at) => at === 0 || value === (numbers[at - 1] ?? 0) + 1),
    'no line is lost between two files',
  );
  await world.disk.rename(path, `${path}.moved`);
  await fixture.runtime.reopenLog(id);
  await until(async () => (await world.disk.readText(path))?.includes('tick'));

  const short = await fixture.run(sandbox, ['node', '-e', 'process.stdout.write("a".repeat(40000) + "\\nend")']);
  await fixture.exited(short);
  assert.deepEqual(
    (await fixture.log(short))
      .trim()
      .split('\n')
      .map((line) => line.split(' ').slice(1, 3).join(' ') + (line.split(' ')[3] ?? '').length),
    ['stdout P16384', 'stdout P16384', 'stdout F7232', 'stdout F3'],
  );
});

test("a stream to the pod's loopback, and the reason when nobody listens there", asRoot, async () => {
  await using fixture = await ociFixture();
  const sandbox = await fixture.sandbox();
  const id = await fixture.run(sandbox, [
    'node',
    '-e',
    'require("net").createServer({ allowHalfOpen: true }, (s) => { let t = ""; s.on("data", (d) => t += d); s.on("end", () => s.end("got " + t.length)); }).listen(7000, "127.0.0.1", () => console.log("up"))',
  ]);
  await until(async () => (await fixture.log(id)).includes('up'));
  for (let round = 0; round < 2; round++) {
    const socket = await fixture.runtime.dial(sandbox, 7000);
    socket.end(Buffer.alloc(1_000_000));
    assert.equal(await textOf(socket), 'got 1000000');
  }
  await assert.rejects(fixture.runtime.dial(sandbox, 7001), {
    code: 'ECONNREFUSED',
    message: /127\.0\.0\.1:7001: connect: connection refused/,
  });
});
