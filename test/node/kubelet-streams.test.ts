import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  asRoot,
  eventually,
  idle,
  image,
  kubectlPath,
  kubeletFixture,
  leftovers,
  shell,
  world,
  type KubeletFixture,
} from './kubelet-fixture.ts';

const withKubectl = { ...asRoot, skip: asRoot.skip || (kubectlPath ? false : 'needs kubectl') };
let node: KubeletFixture;
before(async () => {
  if (withKubectl.skip) return;
  node = await kubeletFixture();
  await node.pod('pod', {
    containers: [
      shell('main', `echo one; echo two; echo err >&2; ${idle}`),
      {
        name: 'web',
        image,
        command: [
          'node',
          '-e',
          "const big = Buffer.alloc(8e6, 'x'); require('http').createServer((q, r) => q.url === '/big' ? r.end(big) : q.method === 'POST' ? q.pipe(r) : r.end('hello ' + q.url)).listen(8080, '127.0.0.1'); process.on('SIGTERM', () => process.exit(0))",
        ],
      },
    ],
  });
  await node.running('pod');
  await eventually(async () => (await node.log('pod', 'main')).includes('err'));
});
after(async () => {
  if (!node) return;
  await node[Symbol.asyncDispose]();
  assert.deepEqual(await leftovers(node), []);
});

const kubectl = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await node.kubectl(...args);
  assert.equal(code, 0, stderr);
  return stdout;
};

/** kubectl with an input. */
async function typed(
  input: string | Uint8Array,
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  return world.processes.run([kubectlPath ?? '', '--kubeconfig', node.kubeconfig, ...args], {
    input,
    timeoutMs: 30_000,
  });
}

test('kubectl logs shows a container, its tail, its times and only so much', withKubectl, async () => {
  assert.deepEqual((await kubectl('logs', 'pod', '-c', 'main')).split('\n').toSorted().join(' ').trim(), 'err one two');
  assert.equal((await kubectl('logs', 'pod', '-c', 'main', '--tail=2')).split('\n').length, 3);
  assert.equal(await kubectl('logs', 'pod', '-c', 'main', '--tail=0'), '');
  assert.match(
    await kubectl('logs', 'pod', '-c', 'main', '--timestamps', '--tail=1'),
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z \w+\n$/,
  );
  assert.equal((await kubectl('logs', 'pod', '-c', 'main', '--limit-bytes=5')).length, 5);
  assert.equal((await kubectl('logs', 'pod', '-c', 'main', '--since=1h')).split('\n').length, 4);
  assert.equal(
    (await kubectl('logs', 'pod', '--all-containers', '--prefix')).split('\n')[0]?.startsWith('[pod/pod/main] '),
    true,
  );
  const { code, stderr } = await node.kubectl('logs', 'pod', '-c', 'nobody');
  assert.deepEqual([code, stderr.includes('container nobody is not valid for pod pod')], [1, true]);
});

test('kubectl logs -f follows to the end, and --previous shows the run before', withKubectl, async () => {
  await node.script(
    'told',
    'for i in 1 2 3 4 5; do echo $i; sleep 0.1; done; test -e /w/x && exec sleep 1000; touch /w/x; exit 1',
    { volumeMounts: [{ name: 'w', mountPath: '/w' }] },
    { volumes: [{ name: 'w', emptyDir: {} }] },
  );
  await node.until('told', (pod) => pod.status.containerStatuses?.[0]?.state.running);
  assert.equal(await kubectl('logs', '-f', 'told'), '1\n2\n3\n4\n5\n');
  await node.until(
    'told',
    (pod) => pod.status.containerStatuses?.[0]?.restartCount === 1 && pod.status.containerStatuses[0].state.running,
  );
  await eventually(async () => (await node.log('told')).includes('5'));
  assert.equal(await kubectl('logs', '--previous', 'told'), '1\n2\n3\n4\n5\n');
  const { stderr } = await node.kubectl('logs', '--previous', 'pod', '-c', 'main');
  assert.match(stderr, /previous terminated container "main" in pod "pod" not found/);
  await node.remove('told', 0);
});

test('kubectl logs of a pod that ended still answers', withKubectl, async () => {
  await node.script('ended', 'echo last', {}, { restartPolicy: 'Never' });
  await node.over('ended');
  assert.equal(await kubectl('logs', 'ended'), 'last\n');
  await node.remove('ended', 0);
});

test('kubectl exec keeps streams apart, hands over stdin and the exit code', withKubectl, async () => {
  const out = await node.kubectl('exec', 'pod', '-c', 'main', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7');
  assert.deepEqual([out.code, out.stdout, out.stderr.split('\n')[0]], [7, 'out\n', 'err']);
  assert.match(out.stderr, /command terminated with exit code 7/);
  const echoed = await typed('typed\n', 'exec', '-i', 'pod', '-c', 'main', '--', 'cat');
  assert.deepEqual([echoed.code, echoed.stdout], [0, 'typed\n']);
  const big = 'y'.repeat(3_000_000);
  assert.equal(
    (await typed(big, 'exec', '-i', 'pod', '-c', 'main', '--', 'wc', '-c')).stdout.trim(),
    String(big.length),
  );
  const much = await node.kubectl('exec', 'pod', '-c', 'main', '--', 'head', '-c', '5000000', '/dev/zero');
  assert.equal(much.stdout.length, 5_000_000);
  const missing = await node.kubectl('exec', 'pod', '-c', 'main', '--', 'no-such');
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /executable file not found in \$PATH/);
});

test('kubectl exec over SPDY works as well', withKubectl, async () => {
  const run = (input: string, ...args: string[]) =>
    world.processes.run([kubectlPath ?? '', '--kubeconfig', node.kubeconfig, ...args], {
      input,
      timeoutMs: 30_000,
      env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false' },
    });
  const out = await run('abc', 'exec', '-i', 'pod', '-c', 'main', '--', 'sh', '-c', 'cat; echo err >&2; exit 3');
  assert.deepEqual([out.code, out.stdout, out.stderr.split('\n')[0]], [3, 'abc', 'err']);
});

test('kubectl exec -it has a terminal with the size of the client', withKubectl, async () => {
  const pty = world.processes.spawnPty(
    [kubectlPath ?? '', '--kubeconfig', node.kubeconfig, 'exec', '-it', 'pod', '-c', 'main', '--', 'sh'],
    { columns: 91, rows: 37 },
  );
  let seen = '';
  pty.terminal.on('data', (chunk: Buffer) => (seen += chunk.toString('utf8')));
  pty.terminal.on('error', () => undefined);
  await eventually(async () => seen.includes('# '));
  // The size comes in a message of its own, a moment after the shell stands.
  await eventually(async () => {
    pty.terminal.write("node -e 'console.log(process.stdout.columns * 1000 + process.stdout.rows)'\n");
    await world.clock.sleep(200);
    return seen.includes('91037');
  });
  pty.resize(120, 40);
  await eventually(async () => {
    pty.terminal.write("node -e 'console.log(process.stdout.columns * 1000 + process.stdout.rows)'\n");
    await world.clock.sleep(200);
    return seen.includes('120040');
  });
  pty.terminal.write('exit 4\n');
  assert.equal(await pty.exited, 4);
});

test('kubectl attach shows what a container says from now on and types to it', withKubectl, async () => {
  await node.script(
    'talker',
    'while read line; do echo "got $line"; test "$line" = end && exit 0; done',
    { stdin: true, stdinOnce: true },
    { restartPolicy: 'Never' },
  );
  await node.running('talker');
  const { stdout } = await typed('hello\nend\n', 'attach', '-i', 'talker');
  assert.match(stdout, /got hello\ngot end\n/);
  await node.over('talker');
  await node.remove('talker', 0);
});

test('kubectl cp brings files in and out', withKubectl, async () => {
  const content = world.random.bytes(2_000_000);
  await world.disk.write(`${node.path}/up.bin`, content);
  await kubectl('cp', `${node.path}/up.bin`, 'pod:/tmp/up.bin', '-c', 'main');
  await kubectl('cp', 'pod:/tmp/up.bin', `${node.path}/down.bin`, '-c', 'main');
  assert.ok((await world.disk.read(`${node.path}/down.bin`))?.equals(Buffer.from(content)));
});

for (const websockets of ['true', 'false']) {
  test(`kubectl port-forward carries many connections (WebSocket: ${websockets})`, withKubectl, async () => {
    const child = world.processes.spawn(
      [kubectlPath ?? '', '--kubeconfig', node.kubeconfig, 'port-forward', 'pod', ':8080', ':9'],
      { env: { KUBECTL_PORT_FORWARD_WEBSOCKETS: websockets } },
    );
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
    try {
      await eventually(async () => /127\.0\.0\.1:\d+ -> 9/.test(text));
      const port = /127\.0\.0\.1:(\d+) -> 8080/.exec(text)?.[1];
      const closed = /127\.0\.0\.1:(\d+) -> 9/.exec(text)?.[1];
      const get = async (path: string): Promise<Buffer> =>
        (
          await world.network.request({
            method: 'GET',
            url: `http://127.0.0.1:${port}${path}`,
            headers: { connection: 'close' },
          })
        ).bytes();
      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => get(`/${index}`)));
      assert.deepEqual(
        answers.map(String),
        Array.from({ length: 20 }, (_, index) => `hello /${index}`),
      );
      assert.deepEqual(
        (await Promise.all([get('/big'), get('/big')])).map(({ length }) => length),
        [8_000_000, 8_000_000],
      );
      const body = Buffer.alloc(3_000_000, 'z');
      const echoed = await world.network.request({ method: 'POST', url: `http://127.0.0.1:${port}/`, body });
      assert.ok((await echoed.bytes()).equals(body));
      await assert.rejects(
        world.network.request({ method: 'GET', url: `http://127.0.0.1:${closed}/`, timeoutMs: 5_000 }),
      );
      await eventually(async () => /error forwarding port 9 to pod/.test(text));
    } finally {
      child.kill('SIGTERM');
      await child.exited;
    }
  });
}

test('kubectl debug adds a container to a running pod', withKubectl, async () => {
  await kubectl(
    'debug',
    'pod',
    `--image=${image}`,
    '--container=debugger',
    '--profile=general',
    '--',
    'sh',
    '-c',
    'echo from the debugger; sleep 1000',
  );
  const pod = await node.until('pod', (each) => each.status.ephemeralContainerStatuses?.[0]?.state.running);
  assert.equal(pod.status.ephemeralContainerStatuses?.[0]?.name, 'debugger');
  await eventually(async () => (await kubectl('logs', 'pod', '-c', 'debugger')) === 'from the debugger\n');
});

test("nobody but the API server may use the kubelet's port", withKubectl, async () => {
  const object = JSON.parse(await kubectl('get', 'node', '-o', 'json')) as {
    items: { status: { daemonEndpoints: { kubeletEndpoint: { Port: number } } } }[];
  };
  const port = object.items[0]?.status.daemonEndpoints.kubeletEndpoint.Port;
  const answer = await world.network.request({
    method: 'GET',
    url: `https://127.0.0.1:${port}/pods`,
    tls: { insecure: true },
  });
  assert.equal(answer.status, 401);
  await answer.bytes();
});
