/**
 * From a container of a pod's spec to what the runtime is asked to make: mounts, environment, limits, identity. The shell fetched everything; this file puts it
 * together.
 */
import { join } from 'node:path';
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { Pod } from '#api/core/pod.ts';
import type { World } from '#world/world.ts';
import type { ContainerConfig, ContainerSecurity, ImageInfo, Mount } from './container-runtime.ts';
import { ConfigError, environmentOf, expand, type EnvironmentSources } from './environment.ts';
import { hostnameOf } from './pod-files.ts';
import { annotations, hashOf, labels } from './pod-state.ts';
import { containerResources } from './resources.ts';
import { mountedPath, type HostPaths } from './volumes/volumes.ts';

export interface ConfigInputs {
  readonly world: World;
  readonly pod: Pod;
  readonly container: ContainerSpec;
  readonly attempt: number;
  readonly image: ImageInfo;
  readonly volumes: HostPaths;
  readonly podFiles: ReadonlyMap<string, string>;
  readonly environment: EnvironmentSources;
  readonly podDirectory: string;
  readonly logDirectory: string;
  readonly memoryCapacity: number;
  readonly nodeName: string;
}

/** Throws ConfigError for what the spec asks and cannot be: shown as CreateContainerConfigError. */
export async function containerConfig(inputs: ConfigInputs): Promise<ContainerConfig> {
  const { world, pod, container, attempt, image } = inputs;
  const environment = environmentOf(container, inputs.environment);
  const known = new Map(environment.map(({ name, value }) => [name, value]));
  const hostname = environment.some(({ name }) => name === 'HOSTNAME')
    ? environment
    : [...environment, { name: 'HOSTNAME', value: pod.spec.hostNetwork ? inputs.nodeName : hostnameOf(pod) }];
  const terminationFile = join(inputs.podDirectory, 'containers', container.name, `${attempt}.termination`);
  await world.disk.makeDirectory(join(inputs.podDirectory, 'containers', container.name), { mode: 0o755 });
  await world.disk.remove(terminationFile);
  await world.disk.append(terminationFile, '');
  await world.disk.chmod(terminationFile, 0o666);
  const messagePath = container.terminationMessagePath;
  return {
    name: container.name,
    attempt,
    imageId: image.id,
    imageReference: container.image,
    ...(container.command ? { command: container.command.map((word) => expand(word, known)) } : {}),
    ...(container.args ? { args: container.args.map((word) => expand(word, known)) } : {}),
    ...(container.workingDir ? { workingDirectory: container.workingDir } : {}),
    environment: hostname,
    mounts: [
      ...(await mountsOf(inputs, known)),
      { hostPath: terminationFile, containerPath: messagePath, readOnly: false, propagation: 'private' },
    ],
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    logPath: join(
      inputs.logDirectory,
      `${pod.metadata.namespace}_${pod.metadata.name}_${pod.metadata.uid}`,
      container.name,
      `${attempt}.log`,
    ),
    resources: containerResources(container, pod, inputs.memoryCapacity),
    security: securityOf(pod, container, image),
    labels: {
      [labels.podName]: pod.metadata.name,
      [labels.podNamespace]: pod.metadata.namespace ?? '',
      [labels.podUid]: pod.metadata.uid,
      [labels.containerName]: container.name,
    },
    annotations: {
      [annotations.hash]: hashOf(container),
      [annotations.terminationMessagePath]: messagePath,
      [annotations.terminationMessagePolicy]: container.terminationMessagePolicy,
      [annotations.terminationFile]: terminationFile,
    },
  };
}

async function mountsOf(
  { world, container, volumes, podFiles }: ConfigInputs,
  known: ReadonlyMap<string, string>,
): Promise<Mount[]> {
  const mounts: Mount[] = [];
  const taken = new Set<string>();
  for (const mount of container.volumeMounts ?? []) {
    const volume = volumes.get(mount.name);
    if (volume === undefined)
      throw new ConfigError(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
    const subPath = mount.subPathExpr === undefined ? (mount.subPath ?? '') : expand(mount.subPathExpr, known);
    const propagation =
      mount.mountPropagation === 'Bidirectional'
        ? 'rshared'
        : mount.mountPropagation === 'HostToContainer'
          ? 'rslave'
          : 'private';
    const path = mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`;
    mounts.push({
      hostPath: await mountedPath(world, mount, volume, subPath),
      containerPath: path,
      readOnly: mount.readOnly ?? false,
      propagation,
    });
    taken.add(path.replace(/\/+$/, ''));
  }
  for (const [containerPath, hostPath] of podFiles) {
    if (!taken.has(containerPath)) mounts.push({ hostPath, containerPath, readOnly: false, propagation: 'private' });
  }
  return mounts;
}

/** The container's security settings over the pod's. Throws ConfigError when a container that must not be root would be. */
function securityOf(pod: Pod, container: ContainerSpec, image: ImageInfo): ContainerSecurity {
  const own = container.securityContext ?? {};
  const shared = pod.spec.securityContext;
  const runAsUser = own.runAsUser ?? shared.runAsUser;
  const runAsGroup = own.runAsGroup ?? shared.runAsGroup;
  const nonRoot = own.runAsNonRoot ?? shared.runAsNonRoot ?? false;
  if (nonRoot) {
    const { name } = container;
    const where = `(pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${name})`;
    if (runAsUser === 0) throw new ConfigError(`container's runAsUser breaks non-root policy ${where}`);
    const user = image.user.split(':')[0] ?? '';
    if (runAsUser === undefined && (user === '' || user === '0' || user === 'root'))
      throw new ConfigError(`container has runAsNonRoot and image will run as root ${where}`);
    if (runAsUser === undefined && !/^\d+$/.test(user))
      throw new ConfigError(
        `container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root ${where}`,
      );
  }
  const privileged = own.privileged ?? false;
  const refused = own.seccompProfile ?? shared.seccompProfile;
  if (refused?.type === 'Localhost')
    throw new ConfigError(
      `the seccomp profile "${refused.localhostProfile ?? ''}" of this node's disk cannot be used: this kubelet has RuntimeDefault and Unconfined`,
    );
  const profile = own.seccompProfile?.type ?? shared.seccompProfile?.type;
  return {
    privileged,
    readOnlyRootFilesystem: own.readOnlyRootFilesystem ?? false,
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    supplementalGroups: [
      ...(shared.supplementalGroups ?? []),
      ...(shared.fsGroup === undefined ? [] : [shared.fsGroup]),
    ],
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    seccomp: privileged || profile === 'Unconfined' ? 'Unconfined' : 'RuntimeDefault',
    procMount: own.procMount === 'Unmasked' ? 'Unmasked' : 'Default',
  };
}
