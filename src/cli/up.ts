/**
 * `k8ts up`: starts the cluster, or what is missing of it, and shows each stage as it happens. It returns when the API answers and every node is Ready.
 */
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { clientOf } from '#client/client-of.ts';
import { httpTransport } from '#client/http/transport.ts';
import type { Client } from '#client/client.ts';
import { Node } from '#api/core/node.ts';
import {
  controlPlanesOf,
  defaults,
  hostAddress,
  nodesOf,
  readConfiguration,
  writeConfiguration,
  type Configuration,
} from '#cluster/configuration.ts';
import { readEncryptionFile } from '#cluster/encryption/key-file.ts';
import { openEtcd, type EtcdConfiguration } from '#cluster/etcd.ts';
import { openIdentities, type Identities } from '#cluster/identities.ts';
import { mergeKubeconfig, userKubeconfig, writeKubeconfig } from '#cluster/kubeconfig.ts';
import type { Layout } from '#cluster/layout.ts';
import { readState, runningState } from '#cluster/process-state.ts';
import { isApiError } from '#meta/status.ts';
import { formatTime } from '#meta/time.ts';
import { chooseNodeSubnet, machineCommand, startMachines } from '#network/machines.ts';
import type { Program } from '#world/node/program.ts';
import type { Millis, World } from '#world/world.ts';
import { command } from './command.ts';
import { dataDirectoryFlag, layoutFor } from './data-directory.ts';
import { etcdListenFlag, etcdListenOf, withEtcdListen } from './etcd/listen-flag.ts';
import { UsageError } from './flags.ts';
import { runForeground } from './foreground.ts';
import { backgroundFlags } from './node-flags.ts';
import { backgroundProgram, sourceProgram, type BackgroundProgram } from './program-bundle.ts';

const pollMs: Millis = 10;
const startTimeoutMs: Millis = 60_000;
const nodesMax = 50;

export const up = command({
  name: 'up',
  usage:
    'k8ts up [--nodes N] [--data-dir DIR] [--port P] [--control-planes M] [--etcd-servers URLS] [--etcd-listen-client-urls URLS] [--encryption-provider-config FILE] [--foreground] [--no-merge]',
  summary: 'Start the cluster, or resume it after a crash or `down`.',
  details:
    'As root on Linux every node is a machine of its own: a network namespace with real containers. Otherwise nodes are simulated, and `up` says so.\n' +
    'Several clusters live side by side with different data directories and ports.',
  flags: {
    nodes: {
      type: 'integer',
      min: 1,
      max: nodesMax,
      doc: `how many nodes a new cluster gets, 1 to ${nodesMax} (default 1)`,
    },
    'data-dir': dataDirectoryFlag,
    port: {
      type: 'integer',
      min: 1,
      max: 65_535,
      placeholder: 'P',
      doc: `the API's port on 127.0.0.1 (default ${defaults.port})`,
    },
    'control-planes': {
      type: 'integer',
      min: 1,
      max: 5,
      placeholder: 'M',
      doc: 'a new cluster gets 1, 3 or 5 control planes with etcd, each on a machine of its own, instead of one server on the host',
    },
    'etcd-servers': {
      type: 'string',
      placeholder: 'URLS',
      doc: 'keep the data of a new cluster in this etcd instead of a file: http(s)://host:port or unix:///path, separated by commas',
    },
    'etcd-cafile': { type: 'string', placeholder: 'FILE', doc: "who signed etcd's certificates" },
    'etcd-certfile': { type: 'string', placeholder: 'FILE', doc: 'our certificate for etcd' },
    'etcd-keyfile': { type: 'string', placeholder: 'FILE', doc: "our certificate's key" },
    'encryption-provider-config': {
      type: 'string',
      placeholder: 'FILE',
      doc: 'an EncryptionConfiguration of your own instead of the one that the cluster keeps (empty: that one again); read again when it changes',
    },
    'ignore-missing-keys': {
      type: 'boolean',
      doc: 'start although values cannot be decrypted: they are answered with errors',
    },
    'etcd-listen-client-urls': etcdListenFlag,
    foreground: { type: 'boolean', doc: 'stay until ^C, which stops the cluster' },
    'no-merge': { type: 'boolean', doc: "leave the user's kubeconfig alone" },
    'no-install': { type: 'boolean', doc: 'only print how to install missing programs (read by the launcher)' },
    'from-source': { type: 'boolean', doc: 'run the source files themselves, for a debugger or a profiler' },
    simulated: { type: 'boolean', doc: 'simulated nodes, even where real ones are possible' },
  },
  async run({ values }, { world, program }) {
    const layout = layoutFor(world, values['data-dir']);
    const began = world.clock.monotonic();
    const present = await readConfiguration(world, layout);
    const etcd = etcdFlags(values);
    const encryptionConfig = await encryptionFlag(world, values['encryption-provider-config']);
    const controlPlanes = values['control-planes'];
    if (etcd && controlPlanes !== undefined)
      throw new UsageError(
        'control planes have an etcd of their own: --control-planes does not go with --etcd-servers',
      );
    const etcdListen = etcdListenOf(values['etcd-listen-client-urls']);
    if (etcdListen !== undefined && (controlPlanes !== undefined || present?.controlPlanes))
      throw new UsageError(
        'control planes have an etcd of their own, which has its own addresses: --control-planes does not go with --etcd-listen-client-urls',
      );
    const asked = { port: values.port, simulated: values.simulated, etcd, controlPlanes };
    if (present) refuseChanges(present, { nodes: values.nodes, ...asked });
    const first =
      present ?? (await newConfiguration(world, program, layout, { nodes: values.nodes ?? 1, ...asked, etcdListen }));
    const several = first.controlPlanes && (await import('./up-control-planes.ts'));
    const running = await runningState(world, several ? layout.frontState : layout.serverState);
    const known = await withEtcdListen(world, layout, { present: first, etcdListen, running: running !== undefined });
    if (running && present && encryptionConfig !== undefined && encryptionConfig !== (present.encryptionConfig ?? ''))
      throw new UsageError('--encryption-provider-config: the cluster runs; stop it first with "k8ts down"');
    const configuration = encryptionConfig === undefined ? known : withEncryption(known, encryptionConfig);
    if (configuration !== known) await writeConfiguration(world, layout, configuration);
    const parts = await several?.missingParts(world, layout, configuration);
    const missing = await missingAgents(world, layout, configuration);
    if (running?.ready && missing.length === 0 && (parts?.length ?? 0) === 0) {
      program.out(
        `The cluster in ${layout.root} is running already: https://127.0.0.1:${configuration.port}, ${plural(configuration.nodes.length, 'node')}. Nothing was changed.\n`,
      );
      return 0;
    }
    const bundling = values['from-source'] ? sourceProgram() : backgroundProgram(world);
    const identities = await openIdentities(world, layout, configuration);
    show(program, 'certificates', world.clock.monotonic() - began);
    await several?.openIdentities(world, layout, configuration);
    if (!present && configuration.encryptionConfig === undefined) await several?.makeEncryptionKey(world, layout);
    const background = await shown(world, program, bundling);
    if (!running && !several)
      await startServer(world, program, {
        layout,
        background,
        ignoreMissingKeys: values['ignore-missing-keys'],
      });
    if (configuration.nodeKind === 'containers') {
      const at = world.clock.monotonic();
      const machines = [...configuration.nodes, ...(configuration.controlPlanes ?? [])];
      await startMachines(world, { ...configuration, nodes: machines, hostAddress: hostAddress(configuration) });
      show(program, plural(machines.length, 'machine'), world.clock.monotonic() - at);
      await several?.startParts(world, layout, configuration, {
        parts: parts ?? [],
        flags: values['ignore-missing-keys'] ? ['--ignore-missing-keys'] : [],
        command: (words) => [
          program.node,
          ...backgroundFlags(program.nodeVersion, 'server'),
          background.entry,
          ...words,
        ],
        env: { ...processEnv, ...background.env },
        started: background.started,
      });
      for (const { name } of missing) await startAgent(world, program, { layout, background, configuration, name });
    }
    if (!several) await ready(world, program, layout.serverState, layout.serverLog, '');
    for (const part of (parts ?? []).filter(({ tells }) => tells))
      await ready(world, program, part.state, part.log, `${part.label}: `);
    if (configuration.nodeKind === 'containers') {
      for (const { name } of missing)
        await ready(world, program, layout.node(name).state, layout.node(name).log, `${name}: `);
    }
    const client = adminClient(world, configuration, identities);
    await nodesReady(world, client, configuration);
    const access = {
      name: 'k8ts',
      server: `https://127.0.0.1:${configuration.port}`,
      ca: identities.ca,
      identity: identities.admin,
    };
    await writeKubeconfig(world, layout.kubeconfig, access);
    const merged = values['no-merge'] ? undefined : await merge(world, program, access);
    const seconds = ((world.clock.monotonic() - began) / 1000).toFixed(2);
    program.out(
      `\nThe cluster is up after ${seconds} s: ${access.server}, ${plural(configuration.nodes.length, configuration.nodeKind === 'simulated' ? 'simulated node' : 'node')} Ready.\n`,
    );
    program.out(
      merged
        ? `kubectl uses it now (context k8ts in ${merged}).\n`
        : `Use it with: k8ts kubectl …   or: export KUBECONFIG=${layout.kubeconfig}\n`,
    );
    if (values.foreground) return runForeground(world, program, layout, configuration);
    return 0;
  },
});

const plural = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const show = (program: Program, stage: string, ms: Millis): void =>
  program.out(`  ${stage.padEnd(28)} ${Math.round(ms).toString().padStart(6)} ms\n`);

function refuseChanges(
  present: Configuration,
  asked: {
    nodes: number | undefined;
    port: number | undefined;
    simulated: boolean;
    etcd: EtcdConfiguration | undefined;
    controlPlanes: number | undefined;
  },
): void {
  const planes = present.controlPlanes?.length ?? 0;
  if (asked.controlPlanes !== undefined && asked.controlPlanes !== planes) {
    throw new UsageError(
      `this cluster has ${planes === 0 ? 'one server and no control planes of their own' : plural(planes, 'control plane')}: to change that, delete it with "k8ts down --delete", or make another one with --data-dir`,
    );
  }
  if (asked.etcd && !isDeepStrictEqual(asked.etcd, present.etcd)) {
    throw new UsageError(
      `this cluster keeps its data in ${present.etcd ? `etcd (${present.etcd.servers.join(', ')})` : planes > 0 ? 'the etcd of its control planes' : 'a file of its own'}: to change that, make another one with --data-dir`,
    );
  }
  if (asked.nodes !== undefined && asked.nodes !== present.nodes.length) {
    throw new UsageError(
      `this cluster has ${plural(present.nodes.length, 'node')}: to change that, delete it with "k8ts down --delete", or make another one with --data-dir`,
    );
  }
  if (asked.port !== undefined && asked.port !== present.port) {
    throw new UsageError(
      `this cluster has port ${present.port}: to change that, delete it with "k8ts down --delete", or make another one with --data-dir`,
    );
  }
  if (asked.simulated && present.nodeKind !== 'simulated')
    throw new UsageError('this cluster has real nodes: make another one with --data-dir');
}

async function newConfiguration(
  world: World,
  program: Program,
  layout: Layout,
  asked: {
    nodes: number;
    port: number | undefined;
    simulated: boolean;
    etcd: EtcdConfiguration | undefined;
    etcdListen: readonly string[] | undefined;
    controlPlanes: number | undefined;
  },
): Promise<Configuration> {
  const { self } = world.processes;
  const possible = self.platform === 'linux' && self.uid === 0;
  const nodeKind = possible && !asked.simulated ? 'containers' : 'simulated';
  if (nodeKind === 'simulated' && !asked.simulated) {
    program.out(
      `${self.platform === 'linux' ? 'Without root' : `On ${self.platform}`} there are no containers: the nodes are simulated. Everything else is real.\n`,
    );
  }
  if (asked.controlPlanes !== undefined) {
    const { refuseControlPlanes } = await import('./up-control-planes.ts');
    await refuseControlPlanes(world, asked.controlPlanes, nodeKind);
  }
  const port = asked.port ?? defaults.port;
  await refuseBusyPort(world, port);
  if (asked.etcd) await refuseBadEtcd(world, asked.etcd);
  const nodeSubnet = nodeKind === 'containers' ? await chooseNodeSubnet(world) : '127.0.0.0/8';
  const nodes = nodesOf(asked.nodes, nodeSubnet).map((node) =>
    nodeKind === 'simulated' ? { ...node, address: '127.0.0.1' } : node,
  );
  const configuration: Configuration = {
    id: Buffer.from(world.random.bytes(3)).toString('hex'),
    port,
    nodeKind,
    nodes,
    nodeSubnet,
    podSubnet: defaults.podSubnet,
    serviceSubnet: defaults.serviceSubnet,
    nodePorts: defaults.nodePorts,
    clusterDomain: defaults.clusterDomain,
    ...(asked.etcd ? { etcd: asked.etcd } : {}),
    ...(asked.etcdListen ? { etcdListen: asked.etcdListen } : {}),
    ...(asked.controlPlanes === undefined ? {} : { controlPlanes: controlPlanesOf(asked.controlPlanes, nodeSubnet) }),
    createdAt: formatTime(world.clock.now()),
  };
  await world.disk.makeDirectory(layout.root, { mode: 0o700 });
  await world.disk.makeDirectory(dirname(layout.serverState), { mode: 0o700 });
  await world.disk.makeDirectory(dirname(layout.serverLog), { mode: 0o700 });
  await writeConfiguration(world, layout, configuration);
  return configuration;
}

async function refuseBusyPort(world: World, port: number): Promise<void> {
  try {
    const listener = await world.network.listenTcp({ host: '127.0.0.1', port }, (socket) => socket.destroy());
    await listener[Symbol.asyncDispose]();
  } catch (cause) {
    throw new UsageError(
      `port ${port} on 127.0.0.1 cannot be used (${(cause as Error).message}): choose another one with --port`,
    );
  }
}

function etcdFlags(values: {
  readonly [name in 'etcd-servers' | 'etcd-cafile' | 'etcd-certfile' | 'etcd-keyfile']: string | undefined;
}): EtcdConfiguration | undefined {
  const servers = values['etcd-servers'];
  const [ca, cert, key] = [values['etcd-cafile'], values['etcd-certfile'], values['etcd-keyfile']];
  if (servers === undefined) {
    if (ca !== undefined || cert !== undefined || key !== undefined)
      throw new UsageError('--etcd-cafile, --etcd-certfile and --etcd-keyfile belong to --etcd-servers');
    return undefined;
  }
  if ((cert === undefined) !== (key === undefined))
    throw new UsageError('--etcd-certfile and --etcd-keyfile belong together');
  return {
    servers: servers.split(',').map((server) => server.trim()),
    ...(ca === undefined ? {} : { caFile: resolve(ca) }),
    ...(cert === undefined || key === undefined ? {} : { certFile: resolve(cert), keyFile: resolve(key) }),
  };
}

/** An empty text: the cluster's own configuration again. */
function withEncryption({ encryptionConfig: _old, ...rest }: Configuration, file: string): Configuration {
  return file === '' ? rest : { ...rest, encryptionConfig: file };
}

/** A wrong file is told before anything is started. */
async function encryptionFlag(world: World, file: string | undefined): Promise<string | undefined> {
  if (file === undefined || file === '') return file;
  const path = resolve(file);
  try {
    if (await readEncryptionFile(world, path)) return path;
  } catch (cause) {
    throw new UsageError(`--encryption-provider-config: ${(cause as Error).message}`);
  }
  throw new UsageError(`--encryption-provider-config: ${path} is missing`);
}

/** An etcd that does not answer, or that is not for us, is told before there is a cluster. */
async function refuseBadEtcd(world: World, etcd: EtcdConfiguration): Promise<void> {
  try {
    await using _store = await openEtcd(world, etcd);
  } catch (cause) {
    throw new UsageError(`--etcd-servers ${etcd.servers.join(',')}: ${(cause as Error).message}`);
  }
}

async function missingAgents(
  world: World,
  layout: Layout,
  { nodeKind, nodes }: Configuration,
): Promise<Configuration['nodes']> {
  if (nodeKind === 'simulated') return [];
  const states = await Promise.all(nodes.map(({ name }) => runningState(world, layout.node(name).state)));
  return nodes.filter((_node, index) => states[index] === undefined);
}

/** The program of the processes in the background, and what was wrong with its bundle. */
async function shown(
  world: World,
  program: Program,
  bundling: BackgroundProgram | Promise<BackgroundProgram>,
): Promise<BackgroundProgram> {
  const at = world.clock.monotonic();
  const background = await bundling;
  show(program, 'program', world.clock.monotonic() - at);
  if (background.problem !== undefined)
    program.err(
      `The program could not be bundled and runs from its source, which takes more memory and time: ${background.problem}\n`,
    );
  return background;
}

/** The state that a killed process left goes first: it would pass for the new one's. */
async function startServer(
  world: World,
  program: Program,
  {
    layout,
    background,
    ignoreMissingKeys,
  }: { layout: Layout; background: BackgroundProgram; ignoreMissingKeys: boolean },
): Promise<void> {
  await world.disk.remove(layout.serverState);
  const { pid } = world.processes.spawn(
    [
      program.node,
      ...backgroundFlags(program.nodeVersion, 'server'),
      background.entry,
      'server',
      '--data-dir',
      layout.root,
      ...(ignoreMissingKeys ? ['--ignore-missing-keys'] : []),
    ],
    { detached: true, env: { ...processEnv, ...background.env }, stdio: { appendTo: layout.serverLog } },
  );
  await background.started(pid);
}

async function startAgent(
  world: World,
  program: Program,
  {
    layout,
    background,
    configuration,
    name,
  }: { layout: Layout; background: BackgroundProgram; configuration: Configuration; name: string },
): Promise<void> {
  const node = layout.node(name);
  await world.disk.remove(node.state);
  const { pid } = world.processes.spawn(
    [
      ...machineCommand(configuration.id, name),
      program.node,
      ...backgroundFlags(program.nodeVersion, 'agent'),
      background.entry,
      'agent',
      '--data-dir',
      layout.root,
      '--node',
      name,
    ],
    { detached: true, env: { ...processEnv, ...background.env }, stdio: { appendTo: node.log } },
  );
  // `machineCommand` becomes the program, under the same id.
  await background.started(pid);
}

/** glibc makes a heap per thread by default, and each keeps what its thread once needed: 5 MB of an idle agent. */
const processEnv = { MALLOC_ARENA_MAX: '1' };

/** Shows the stages of a process until it is ready. Throws what it failed with, and where its log is. */
async function ready(
  world: World,
  program: Program,
  statePath: string,
  logPath: string,
  prefix: string,
): Promise<void> {
  const deadline = world.clock.monotonic() + startTimeoutMs;
  let shown = 0;
  for (;;) {
    const state = await readState(world, statePath);
    for (const { name, tookMs } of state?.stages.slice(shown) ?? []) show(program, prefix + name, tookMs);
    shown = Math.max(shown, state?.stages.length ?? 0);
    if (state?.failure !== undefined) throw new Error(`${prefix}${state.failure}\nIts log: ${logPath}`);
    if (state?.ready) return;
    if (world.clock.monotonic() > deadline)
      throw new Error(`${prefix}it did not start within ${startTimeoutMs / 1000} s. Its log: ${logPath}`);
    await world.clock.sleep(pollMs);
  }
}

/** The API as the administrator. */
export function adminClient(world: World, { port }: Configuration, { ca, admin }: Identities): Client {
  return clientOf(httpTransport(world, { url: `https://127.0.0.1:${port}`, ca, identity: admin, userAgent: 'k8ts' }));
}

async function nodesReady(world: World, client: Client, { nodes }: Configuration): Promise<void> {
  const deadline = world.clock.monotonic() + startTimeoutMs;
  for (;;) {
    try {
      const list = await client.list(Node);
      const isReady = (node: Node): boolean =>
        node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True' &&
        !node.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/not-ready');
      const names = new Set(list.items.filter(isReady).map(({ metadata }) => metadata.name));
      if (nodes.every(({ name }) => names.has(name))) return;
    } catch (error) {
      if (!isApiError(error, 'ServiceUnavailable')) throw error;
    }
    if (world.clock.monotonic() > deadline)
      throw new Error(
        `not every node became Ready within ${startTimeoutMs / 1000} s: see "k8ts kubectl describe nodes"`,
      );
    await world.clock.sleep(pollMs);
  }
}

async function merge(
  world: World,
  program: Program,
  access: Parameters<typeof mergeKubeconfig>[2],
): Promise<string | undefined> {
  const path = userKubeconfig(world);
  if (path === undefined) return undefined;
  try {
    await mergeKubeconfig(world, path, access);
    return path;
  } catch (error) {
    program.err(`The context could not be added to ${path}: ${(error as Error).message}\n`);
    return undefined;
  }
}
