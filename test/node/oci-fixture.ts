/** A node's runtime with the demo image in a temporary directory, for the tests in this folder. */
import { nodeWorld } from '#world/node/world.ts';
import { ensureDemoImages } from '#images/demo.ts';
import { openImageStore, type ImageStore } from '#images/image-store.ts';
import { temporaryDirectory } from '#images/testing.ts';
import type { Container, ContainerConfig, ExecOptions, SandboxConfig } from '#kubelet/container-runtime.ts';
import { openOciRuntime, type OciRuntime } from '#kubelet/oci/runtime.ts';
import type { PodNetwork } from '#kubelet/pod-network.ts';
import { lacking, lackingApplets } from './needs.ts';

export const world = nodeWorld({ log: { level: 'warn' } });
export const asRoot = { skip: lacking, timeout: 120_000 };
/** For containers that run more than a shell and the plainest of commands. */
export const withApplets = { skip: lackingApplets, timeout: 120_000 };

/** Gives every sandbox an address on its loopback: enough to tell that somebody attached it. */
export function loopbackNetwork(
  attached: Map<string, string> = new Map(),
): PodNetwork & { readonly attached: Map<string, string> } {
  return {
    attached,
    async attach(sandboxId, netnsPath) {
      const ip = `10.255.0.${attached.size + 2}`;
      const { code, stderr } = await world.processes.run([
        'nsenter',
        `--net=${netnsPath}`,
        'ip',
        'address',
        'add',
        `${ip}/32`,
        'dev',
        'lo',
      ]);
      if (code !== 0) throw new Error(stderr);
      attached.set(sandboxId, ip);
      return { ips: [ip] };
    },
    async detach(sandboxId) {
      attached.delete(sandboxId);
    },
    async restore(sandboxId, _netnsPath, { ips }) {
      attached.set(sandboxId, ips[0] ?? '');
    },
  };
}

export interface Fixture extends AsyncDisposable {
  readonly path: string;
  readonly cgroupRoot: string;
  readonly images: ImageStore;
  readonly network: ReturnType<typeof loopbackNetwork>;
  readonly imageId: string;
  runtime: OciRuntime;
  /** As a new agent does: closes the runtime (or not, when it was killed) and opens another one on the same directory. */
  restart(): Promise<void>;
  sandbox(overrides?: Partial<SandboxConfig>): Promise<string>;
  create(sandboxId: string, script: string | readonly string[], overrides?: Partial<ContainerConfig>): Promise<string>;
  run(sandboxId: string, script: string | readonly string[], overrides?: Partial<ContainerConfig>): Promise<string>;
  container(id: string): Promise<Container>;
  exited(id: string): Promise<Container>;
  log(id: string): Promise<string>;
  exec(
    id: string,
    command: readonly string[],
    options?: Partial<ExecOptions> & { input?: string },
  ): Promise<{ code: number; stdout: string; stderr: string }>;
}

export async function ociFixture(): Promise<Fixture> {
  const place = await temporaryDirectory();
  const images = await openImageStore(world, { directory: `${place.path}/images` });
  const [image] = await ensureDemoImages(world, images);
  const network = loopbackNetwork();
  const cgroupRoot = `k8ts-test-${world.random.suffix(8)}/node-1`;
  const program = process.env['K8TS_TEST_OCI_PROGRAM'];
  const open = (): Promise<OciRuntime> =>
    openOciRuntime(world, {
      directory: `${place.path}/oci`,
      images,
      cgroupRoot,
      network,
      nodeName: 'node-1',
      ...(program ? { program } : {}),
    });
  let count = 0;
  let disposed = false;
  const fixture: Fixture = {
    path: place.path,
    cgroupRoot,
    images,
    network,
    imageId: image?.id ?? '',
    runtime: await open().catch(async (error: unknown) => {
      await place[Symbol.asyncDispose]();
      throw error;
    }),
    async restart() {
      await fixture.runtime[Symbol.asyncDispose]();
      network.attached.clear();
      fixture.runtime = await open();
    },
    async sandbox(overrides = {}) {
      const uid = world.random.uuid();
      const sandbox = await fixture.runtime.runSandbox({
        pod: { uid, name: `pod-${++count}`, namespace: 'default', attempt: 0 },
        hostname: `pod-${count}`,
        hostNetwork: false,
        hostPid: false,
        hostIpc: false,
        shareProcessNamespace: false,
        sysctls: {},
        portMappings: [],
        cgroup: { parent: `burstable/pod${uid}`, resources: {} },
        labels: { app: 'test' },
        annotations: {},
        ...overrides,
      });
      return sandbox.id;
    },
    create(sandboxId, script, overrides = {}) {
      const name = `c-${++count}`;
      return fixture.runtime.createContainer(sandboxId, {
        name,
        attempt: 0,
        imageId: fixture.imageId,
        imageReference: 'k8ts.local/guestbook:v1',
        command: typeof script === 'string' ? ['/bin/sh', '-c', script] : script,
        environment: [],
        mounts: [],
        stdin: false,
        stdinOnce: false,
        tty: false,
        logPath: `${place.path}/logs/${name}.log`,
        resources: {},
        security: {
          privileged: false,
          readOnlyRootFilesystem: false,
          noNewPrivileges: false,
          runAsUser: 0,
          supplementalGroups: [],
          addCapabilities: [],
          dropCapabilities: [],
          seccomp: 'RuntimeDefault',
          procMount: 'Default',
        },
        labels: {},
        annotations: {},
        ...overrides,
      });
    },
    async run(sandboxId, script, overrides) {
      const id = await fixture.create(sandboxId, script, overrides);
      await fixture.runtime.startContainer(id);
      return id;
    },
    async container(id) {
      const found = (await fixture.runtime.containers()).find((container) => container.id === id);
      if (!found) throw new Error(`no container ${id}`);
      return found;
    },
    async exited(id) {
      return until(async () => {
        const container = await fixture.container(id);
        return container.state === 'exited' ? container : undefined;
      });
    },
    async log(id) {
      return (await world.disk.readText((await fixture.container(id)).logPath)) ?? '';
    },
    async exec(id, command, { input, ...options } = {}) {
      const session = await fixture.runtime.exec(id, { command, stdin: input !== undefined, tty: false, ...options });
      if (input !== undefined) session.stdin?.end(input);
      const [stdout, stderr, code] = await Promise.all([
        textOf(session.stdout),
        session.stderr ? textOf(session.stderr) : '',
        session.exited,
      ]);
      return { code, stdout, stderr };
    },
    async [Symbol.asyncDispose]() {
      if (disposed) return;
      disposed = true;
      await fixture.runtime.removeEverything();
      await fixture.runtime[Symbol.asyncDispose]();
      await images[Symbol.asyncDispose]();
      await place[Symbol.asyncDispose]();
    },
  };
  return fixture;
}

export async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** Asks again until there is an answer; gives up after ten seconds. */
export async function until<T>(ask: () => Promise<T | undefined | false>): Promise<T> {
  const deadline = world.clock.monotonic() + 10_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (world.clock.monotonic() > deadline) throw new Error(`still waiting for ${ask}`);
    await world.clock.sleep(5);
  }
}

/** What is left of a fixture on this machine: mounts, groups, processes that name its directory or group. */
export async function leftovers(fixture: Pick<Fixture, 'path' | 'cgroupRoot'>): Promise<readonly string[]> {
  const found: string[] = [];
  const mounts = (await world.disk.readText('/proc/self/mountinfo')) ?? '';
  found.push(...mounts.split('\n').filter((line) => line.includes(fixture.path)));
  const group = fixture.cgroupRoot.split('/')[0] ?? '';
  for (const { name } of (await world.disk.list('/sys/fs/cgroup')) ?? []) {
    if (await world.disk.stat(`/sys/fs/cgroup/${name}/${group}/cgroup.procs`))
      found.push(`/sys/fs/cgroup/${name}/${group}`);
  }
  for (const { name } of (await world.disk.list('/proc')) ?? []) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const [cwd, command] = await Promise.all([
      world.disk.readLink(`/proc/${name}/cwd`).catch(() => undefined),
      world.disk.readText(`/proc/${name}/cmdline`).catch(() => undefined),
    ]);
    if (cwd?.startsWith(fixture.path) || command?.includes(fixture.path))
      found.push(`process ${name}: ${command?.replaceAll('\0', ' ').slice(0, 200)}`);
  }
  return found;
}
