/** The guestbook of the README on a real cluster: what a person does on the first day, and not one request lost on the way. */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { asRoot, cluster, containerProcess, freeNodePort, project, until, type Place } from './cluster-fixture.ts';

interface Pods {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly uid: string; readonly deletionTimestamp?: string };
    readonly status: {
      readonly containerStatuses?: readonly {
        readonly ready: boolean;
        readonly restartCount: number;
        readonly containerID: string;
      }[];
    };
  }[];
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

function fetched(url: string, agent: Agent | false = false, form?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
    const asked = request(
      url,
      { agent, method: form === undefined ? 'GET' : 'POST', headers, timeout: 10_000 },
      (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => (body += text));
        answer.once('error', reject).once('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      },
    );
    asked.once('error', reject).once('timeout', () => asked.destroy(new Error('no answer within 10 s')));
    asked.end(form);
  });
}

/** Clients that never pause, half of them with connections that stay, half with a fresh one for every request. */
function load(urls: readonly string[]): { stop(): Promise<{ failures: string[]; versions: Record<string, number> }> } {
  const failures: string[] = [];
  const versions: Record<string, number> = {};
  let going = true;
  const kept = new Agent({ keepAlive: true, maxSockets: 4 });
  const client = async (url: string, agent: Agent | false): Promise<void> => {
    while (going) {
      try {
        const { status, body } = await fetched(`${url}/version`, agent);
        if (status === 200) {
          const { version } = JSON.parse(body) as { version: string };
          versions[version] = (versions[version] ?? 0) + 1;
        } else failures.push(`${url}: ${status} ${body}`);
      } catch (error) {
        failures.push(`${url}: ${(error as Error).message}`);
      }
    }
  };
  const clients = urls.flatMap((url) =>
    [kept, kept, false as const, false as const].map((agent) => client(url, agent)),
  );
  return {
    async stop() {
      going = false;
      await Promise.all(clients);
      kept.destroy();
      return { failures, versions };
    },
  };
}

describe('the guestbook', asRoot, () => {
  let place: Place;
  let urls: readonly string[];

  const frontends = async (): Promise<Pods['items']> =>
    (await place.json<Pods>('get pods -l tier=frontend')).items.filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
  const readyFrontends = (count: number): Promise<Pods['items']> =>
    until(`${count} ready front ends`, async () => {
      const pods = await frontends();
      const ready = pods.filter(({ status }) => status.containerStatuses?.every((container) => container.ready));
      return ready.length === count && pods.length === count && pods;
    });
  const rolledOut = (): Promise<string> => place.get('rollout status deployment/guestbook --timeout=60s');

  before(async () => {
    place = await cluster();
    const nodePort = await freeNodePort();
    const { nodes } = await place.configuration();
    urls = ['127.0.0.1', nodes[0]?.address].map((host) => `http://${host}:${nodePort}`);
    const manifest = await readFile(join(project, 'examples/01-guestbook/guestbook.yaml'), 'utf8');
    const copy = manifest.replace('nodePort: 30080', `nodePort: ${nodePort}`);
    assert.notEqual(copy, manifest);
    await mkdir(join(place.directory, 'guestbook'));
    await writeFile(join(place.directory, 'guestbook', 'guestbook.yaml'), copy);
  });
  after(() => place?.[Symbol.asyncDispose]());

  test('`k8ts kubectl apply` and a request, as in the README, show the page through DNS and the back end', async () => {
    const printed = await place.ok(['kubectl', 'apply', '-f', join(place.directory, 'guestbook')]);
    assert.match(printed, /deployment\.apps\/guestbook created/);
    for (const url of urls) {
      const { body } = await until(`the page on ${url}`, async () => {
        const answer = await fetched(`${url}/`);
        return answer.status === 200 && answer;
      });
      assert.match(body, /<form/);
    }
  });

  test('a message is stored by the back end and shown by every front end', async () => {
    const answer = await fetched(`${urls[0]}/`, false, 'author=Ada&text=hello+from+the+test');
    assert.equal(answer.status, 303);
    await readyFrontends(3);
    for (let i = 0; i < 6; i++) assert.match((await fetched(`${urls[1]}/`)).body, /hello from the test/);
  });

  test('scaling up, a rollout and its undo lose no request of any client', async () => {
    await rolledOut();
    const clients = load(urls);
    try {
      await place.get('scale deployment/guestbook --replicas=6');
      await readyFrontends(6);
      await place.get('set image deployment/guestbook frontend=k8ts.local/guestbook:v2');
      await rolledOut();
      await until('only v2 answers', async () => {
        const answers = await Promise.all(Array.from({ length: 12 }, () => fetched(`${urls[0]}/version`)));
        return answers.every(({ body }) => body.includes('"v2"'));
      });
      await place.get('rollout undo deployment/guestbook');
      await rolledOut();
      await readyFrontends(6);
    } finally {
      const { failures, versions } = await clients.stop();
      assert.deepEqual(failures.slice(0, 5), [], `${failures.length} requests failed`);
      assert.ok((versions['v1'] ?? 0) > 0 && (versions['v2'] ?? 0) > 0, JSON.stringify(versions));
    }
  });

  test('a deleted pod is replaced', async () => {
    const [gone] = await readyFrontends(6);
    assert.ok(gone);
    await place.get(`delete pod ${gone.metadata.name}`);
    const pods = await readyFrontends(6);
    assert.ok(!pods.some(({ metadata }) => metadata.uid === gone.metadata.uid));
  });

  test('a container whose process is killed restarts in the same pod', async () => {
    const [pod] = await readyFrontends(6);
    assert.ok(pod);
    const { name, uid } = pod.metadata;
    // 1 is the container's own first process; a kernel does not let it be killed from inside, so ask for its id outside.
    const id = pod.status.containerStatuses?.[0]?.containerID.split('//')[1] ?? '';
    process.kill(containerProcess(id), 'SIGKILL');
    const restarted = await until('the container restarted', async () => {
      const found = (await frontends()).find(({ metadata }) => metadata.uid === uid);
      const [container] = found?.status.containerStatuses ?? [];
      return container?.restartCount === 1 && container.ready && container;
    });
    assert.notEqual(restarted.containerID.split('//')[1], id, name);
    assert.equal((await frontends()).length, 6);
  });
});
