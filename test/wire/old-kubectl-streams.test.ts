/** kubectl 1.30 with a real container: exec, attach, cp and port-forward over SPDY/3.1, logs. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  asRoot,
  eventually,
  idle,
  image,
  kubeletFixture,
  leftovers,
  shell,
  world,
  type KubeletFixture,
} from '../node/kubelet-fixture.ts';
import { oldTools } from './old-tools.ts';

let node: KubeletFixture;
let program: string;
before(async () => {
  if (asRoot.skip) return;
  program = (await oldTools()).kubectl;
  node = await kubeletFixture();
  const server = "require('http').createServer((q, r) => r.end('hello ' + q.url)).listen(8080, '127.0.0.1')";
  await node.pod('pod', {
    containers: [
      shell('main', `echo one; echo two; ${idle}`),
      { name: 'web', image, command: ['node', '-e', `${server}; process.on('SIGTERM', () => process.exit(0))`] },
    ],
  });
  await node.running('pod');
});
after(async () => {
  if (!node) return;
  await node[Symbol.asyncDispose]();
  assert.deepEqual(await leftovers(node), []);
});

const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' };
const command = (args: readonly string[]): readonly [string, ...string[]] => [
  program,
  '--kubeconfig',
  node.kubeconfig,
  ...args,
];
const kubectl = (args: string | readonly string[], input?: string) =>
  world.processes.run(command(typeof args === 'string' ? args.split(' ') : args), {
    env,
    timeoutMs: 60_000,
    ...(input === undefined ? {} : { input }),
  });

test('an old kubectl: exec keeps streams apart, hands over stdin and the exit code', asRoot, async () => {
  const script = 'cat; echo err >&2; exit 3';
  const { code, stdout, stderr } = await kubectl(['exec', '-i', 'pod', '-c', 'main', '--', 'sh', '-c', script], 'abc');
  assert.deepEqual([code, stdout, stderr.split('\n')[0]], [3, 'abc', 'err']);
  const much = await kubectl('exec pod -c main -- head -c 3000000 /dev/zero');
  assert.equal(much.stdout.length, 3_000_000);
  const input = 'y'.repeat(1_000_000);
  assert.equal((await kubectl('exec -i pod -c main -- wc -c', input)).stdout.trim(), '1000000');
  const missing = await kubectl('exec pod -c main -- no-such');
  assert.notEqual(missing.code, 0);
  assert.match(missing.stderr, /executable file not found in \$PATH/);
});

test('an old kubectl: exec -it has a terminal of the size of the client', asRoot, async () => {
  const pty = world.processes.spawnPty(command('exec -it pod -c main -- sh'.split(' ')), {
    env,
    columns: 91,
    rows: 37,
  });
  let seen = '';
  pty.terminal.on('data', (chunk: Buffer) => (seen += chunk.toString('utf8')));
  pty.terminal.on('error', () => undefined);
  await eventually(async () => seen.includes('# '));
  await eventually(async () => {
    pty.terminal.write("node -e 'console.log(process.stdout.columns * 1000 + process.stdout.rows)'\n");
    await world.clock.sleep(200);
    return seen.includes('91037');
  });
  pty.terminal.write('exit 4\n');
  assert.equal(await pty.exited, 4);
});

test('an old kubectl: logs, attach and cp', asRoot, async () => {
  assert.match((await kubectl('logs pod -c main')).stdout, /^one\ntwo\n/);
  const answer = 'while read line; do echo "got $line"; test "$line" = end && exit 0; done';
  await node.script('talker', answer, { stdin: true, stdinOnce: true }, { restartPolicy: 'Never' });
  await node.running('talker');
  assert.match((await kubectl('attach -i talker', 'hello\nend\n')).stdout, /got hello\ngot end\n/);
  await node.over('talker');
  await node.remove('talker', 0);
  const content = Buffer.from(world.random.bytes(500_000));
  await world.disk.write(`${node.path}/up.bin`, content);
  for (const [from, to] of [
    [`${node.path}/up.bin`, 'pod:/tmp/up.bin'],
    ['pod:/tmp/up.bin', `${node.path}/down.bin`],
  ] as const)
    assert.equal((await kubectl(['cp', from, to, '-c', 'main'])).code, 0);
  assert.ok((await world.disk.read(`${node.path}/down.bin`))?.equals(content));
});

test('an old kubectl: port-forward carries several connections', asRoot, async () => {
  const child = world.processes.spawn(command(['port-forward', 'pod', ':8080']), { env });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  try {
    await eventually(async () => /127\.0\.0\.1:\d+ -> 8080/.test(text));
    const port = /127\.0\.0\.1:(\d+) -> 8080/.exec(text)?.[1];
    const get = async (path: string): Promise<string> => {
      const url = `http://127.0.0.1:${port}${path}`;
      const answer = await world.network.request({ method: 'GET', url, headers: { connection: 'close' } });
      return String(await answer.bytes());
    };
    const paths = Array.from({ length: 8 }, (_, index) => `/${index}`);
    assert.deepEqual(
      await Promise.all(paths.map(get)),
      paths.map((path) => `hello ${path}`),
    );
  } finally {
    child.kill('SIGTERM');
    await child.exited;
  }
});
