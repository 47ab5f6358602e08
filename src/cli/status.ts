/** `k8ts status`: what runs, how it is, how much it takes. */
import { Node } from '#api/core/node.ts';
import { Pod } from '#api/core/pod.ts';
import { readConfiguration } from '#cluster/configuration.ts';
import { etcdBytes } from '#cluster/etcd.ts';
import { openIdentities } from '#cluster/identities.ts';
import { runningState, type ProcessState } from '#cluster/process-state.ts';
import type { Layout } from '#cluster/layout.ts';
import { kubernetesVersion, productVersion } from '#cluster/version.ts';
import { formatAge } from '#meta/time.ts';
import type { World } from '#world/world.ts';
import { command } from './command.ts';
import { dataDirectoryFlag, layoutFor } from './data-directory.ts';
import { adminClient } from './up.ts';

interface Component {
  readonly name: string;
  readonly state: 'running' | 'starting' | 'stopped';
  readonly pid?: number;
  readonly residentBytes?: number;
  readonly age?: string;
  /** What it is among several of its kind. */
  readonly role?: string;
}

export const status = command({
  name: 'status',
  usage: 'k8ts status [-o json] [--data-dir DIR]',
  summary: 'Show components, nodes, versions, memory and the size of the data.',
  flags: {
    'data-dir': dataDirectoryFlag,
    output: { type: 'string', short: 'o', choices: ['json', 'text'], placeholder: 'json', doc: 'print JSON' },
  },
  async run({ values }, { world, program }) {
    const layout = layoutFor(world, values['data-dir']);
    const configuration = await readConfiguration(world, layout);
    if (!configuration) {
      program.err(`There is no cluster in ${layout.root}: start one with "k8ts up".\n`);
      return 1;
    }
    const several = configuration.controlPlanes && (await import('./status-control-planes.ts'));
    const components: Component[] = several ? [] : [await component(world, 'server', layout.serverState)];
    for (const { label, state } of several?.partsOf(layout, configuration) ?? [])
      components.push(await component(world, label, state));
    if (configuration.nodeKind === 'containers') {
      for (const { name } of configuration.nodes)
        components.push(await component(world, `agent of ${name}`, layout.node(name).state));
    }
    const client = adminClient(world, configuration, await openIdentities(world, layout, configuration));
    const alive = several ? await several.answers(client) : components[0]?.state === 'running';
    const roles = await several?.rolesOf(world, layout, { configuration, client: alive ? client : undefined });
    const nodes = alive ? (await client.list(Node)).items : [];
    const pods = alive ? (await client.list(Pod)).items : [];
    const etcd = several ? several.etcdOf(layout, configuration) : configuration.etcd;
    const report = {
      version: { k8ts: productVersion, kubernetes: kubernetesVersion },
      directory: layout.root,
      server: `https://127.0.0.1:${configuration.port}`,
      nodeKind: configuration.nodeKind,
      components: components.map((each) => ({ ...each, ...roles?.get(each.name) })),
      nodes: nodes.map((node) => ({
        name: node.metadata.name,
        ready: node.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True',
        address: node.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
        pods: pods.filter((pod) => pod.spec.nodeName === node.metadata.name).length,
      })),
      store: etcd ? `etcd ${etcd.servers.join(',')}` : layout.database,
      dataBytes: etcd ? await etcdBytes(world, etcd) : await fileBytes(world, layout),
    };
    if (values.output === 'json') program.out(`${JSON.stringify(report, undefined, 2)}\n`);
    else program.out(text(report));
    return components.every(({ state }) => state === 'running') ? 0 : 1;
  },
});

/** What was written last stands in the log beside the database until it is folded in. */
async function fileBytes(world: World, { database }: Layout): Promise<number> {
  const files = await Promise.all([database, `${database}-wal`].map((path) => world.disk.stat(path)));
  return files.reduce((sum, file) => sum + (file?.sizeBytes ?? 0), 0);
}

async function component(world: World, name: string, path: string): Promise<Component> {
  const state: ProcessState | undefined = await runningState(world, path);
  if (!state) return { name, state: 'stopped' };
  const memory = /VmRSS:\s+(\d+) kB/.exec((await world.disk.readText(`/proc/${state.pid}/status`)) ?? '');
  return {
    name,
    state: state.ready ? 'running' : 'starting',
    pid: state.pid,
    ...(memory ? { residentBytes: Number(memory[1]) * 1024 } : {}),
    age: formatAge(world.clock.now() - state.startedAt),
  };
}

const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

function text(report: {
  readonly version: { k8ts: string; kubernetes: string };
  readonly directory: string;
  readonly server: string;
  readonly nodeKind: string;
  readonly components: readonly Component[];
  readonly nodes: readonly { name: string; ready: boolean; address: string; pods: number }[];
  readonly store: string;
  readonly dataBytes: number | undefined;
}): string {
  const hasRoles = report.components.some(({ role }) => role !== undefined);
  const lines = [
    `k8ts ${report.version.k8ts} (Kubernetes ${report.version.kubernetes})   ${report.server}   ${report.directory}`,
    '',
    'COMPONENT'.padEnd(24) +
      'STATE'.padEnd(12) +
      'PID'.padEnd(10) +
      'MEMORY'.padEnd(14) +
      (hasRoles ? 'AGE     ROLE' : 'AGE'),
    ...report.components.map(
      ({ name, state, pid, residentBytes, age, role }) =>
        name.padEnd(24) +
        state.padEnd(12) +
        String(pid ?? '-').padEnd(10) +
        (residentBytes === undefined ? '-' : mebibytes(residentBytes)).padEnd(14) +
        (age ?? '-').padEnd(hasRoles ? 8 : 0) +
        (role ?? ''),
    ),
    '',
  ];
  if (report.nodes.length > 0) {
    lines.push('NODE'.padEnd(24) + 'STATE'.padEnd(12) + 'ADDRESS'.padEnd(24) + 'PODS');
    for (const { name, ready, address, pods } of report.nodes)
      lines.push(name.padEnd(24) + (ready ? 'Ready' : 'NotReady').padEnd(12) + address.padEnd(24) + pods);
    lines.push('');
  }
  const data = report.dataBytes === undefined ? 'does not answer' : mebibytes(report.dataBytes);
  lines.push(`data: ${data}   ${report.store}`, '');
  return lines.join('\n');
}
