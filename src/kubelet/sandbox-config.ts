/**
 * What the runtime is told of a pod as a whole. `allocated` is the pod with the resources that it was promised.
 */
import type { Pod } from '#api/core/pod.ts';
import type { SandboxConfig } from './container-runtime.ts';
import { hostnameOf } from './pod-files.ts';
import { labels } from './pod-state.ts';
import { podCgroup } from './resources.ts';

export function sandboxConfig(pod: Pod, allocated: Pod, attempt: number): SandboxConfig {
  const { name, namespace = '', uid } = pod.metadata;
  const { spec } = pod;
  return {
    pod: { uid, name, namespace, attempt },
    hostname: hostnameOf(pod),
    hostNetwork: spec.hostNetwork ?? false,
    hostPid: spec.hostPID ?? false,
    hostIpc: spec.hostIPC ?? false,
    shareProcessNamespace: spec.shareProcessNamespace ?? false,
    sysctls: Object.fromEntries((spec.securityContext.sysctls ?? []).map((each) => [each.name, each.value])),
    portMappings: spec.containers.flatMap((container) =>
      (container.ports ?? [])
        .filter(({ hostPort }) => hostPort && !spec.hostNetwork)
        .map((port) => ({
          hostPort: port.hostPort ?? 0,
          containerPort: port.containerPort,
          protocol: port.protocol,
          hostIp: port.hostIP ?? '',
        })),
    ),
    cgroup: podCgroup(allocated),
    labels: { [labels.podName]: name, [labels.podNamespace]: namespace, [labels.podUid]: uid },
    annotations: pod.metadata.annotations ?? {},
  };
}
