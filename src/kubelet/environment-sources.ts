/** Fetches what a container's environment refers to, so that `environment.ts` can stay pure. */
import type { ConfigMap } from '#api/core/configmap.ts';
import type { Container as ContainerSpec } from '#api/core/container.ts';
import type { Pod } from '#api/core/pod.ts';
import type { Secret } from '#api/core/secret.ts';
import type { EnvironmentSources } from './environment.ts';
import type { NodeFacts } from './node-facts.ts';
import type { Sources } from './volumes/sources.ts';

export async function environmentSources(
  container: ContainerSpec,
  pod: Pod,
  { sources, node, podIps }: { sources: Sources; node: NodeFacts; podIps: readonly string[] },
): Promise<EnvironmentSources> {
  const namespace = pod.metadata.namespace ?? '';
  const configMapNames = new Set<string>();
  const secretNames = new Set<string>();
  const add = (set: Set<string>, name: string | undefined): void => void (name && set.add(name));
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    add(configMapNames, configMapRef?.name);
    add(secretNames, secretRef?.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    add(configMapNames, valueFrom?.configMapKeyRef?.name);
    add(secretNames, valueFrom?.secretKeyRef?.name);
  }
  const configMaps = new Map<string, ConfigMap | undefined>();
  const secrets = new Map<string, Secret | undefined>();
  await Promise.all([
    node.servicesKnown,
    ...[...configMapNames].map(async (name) => void configMaps.set(name, await sources.configMap(pod, name))),
    ...[...secretNames].map(async (name) => void secrets.set(name, await sources.secret(pod, name))),
  ]);
  return {
    pod,
    configMaps,
    secrets,
    services: node.services(namespace),
    podIps,
    hostIp: node.address,
    nodeName: node.name,
    allocatable: node.allocatable,
  };
}
