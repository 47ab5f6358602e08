/** A node agent that is there to be killed: starts one container and waits. Arguments: directory, control group. */
import { openImageStore } from '#images/image-store.ts';
import { openOciRuntime } from '#kubelet/oci/runtime.ts';
import { loopbackNetwork, world } from './oci-fixture.ts';

const [path = '', cgroupRoot = ''] = process.argv.slice(2);
const images = await openImageStore(world, { directory: `${path}/images` });
const runtime = await openOciRuntime(world, {
  directory: `${path}/oci`,
  images,
  cgroupRoot,
  network: loopbackNetwork(),
  nodeName: 'node-1',
});
const pod = { uid: 'u', name: 'killed', namespace: 'default', attempt: 0 };
const sandbox = await runtime.runSandbox({
  pod,
  hostname: 'killed',
  hostNetwork: false,
  hostPid: false,
  hostIpc: false,
  shareProcessNamespace: false,
  sysctls: {},
  portMappings: [],
  cgroup: { parent: 'burstable/podu', resources: {} },
  labels: {},
  annotations: {},
});
const [image] = await runtime.images.list();
const id = await runtime.createContainer(sandbox.id, {
  name: 'main',
  attempt: 0,
  imageId: image?.id ?? '',
  imageReference: 'k8ts.local/guestbook:v1',
  command: ['/bin/sh', '-c', 'trap "exit 8" TERM; while :; do echo still here; sleep 0.05; done'],
  environment: [],
  mounts: [],
  stdin: false,
  stdinOnce: false,
  tty: false,
  logPath: `${path}/logs/killed.log`,
  resources: {},
  security: {
    privileged: false,
    readOnlyRootFilesystem: false,
    noNewPrivileges: false,
    supplementalGroups: [],
    addCapabilities: [],
    dropCapabilities: [],
    seccomp: 'RuntimeDefault',
    procMount: 'Default',
  },
  labels: {},
  annotations: {},
});
await runtime.startContainer(id);
console.log(`started ${id}`);
setInterval(() => {}, 1000);
