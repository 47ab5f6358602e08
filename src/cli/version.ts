/** `k8ts version`: which k8ts, which Kubernetes API and which Node this is, for people and for scripts. */
import { kubernetesVersion, productVersion } from '#cluster/version.ts';
import { command } from './command.ts';

export const version = command({
  name: 'version',
  usage: 'k8ts version [-o json]',
  summary: 'Print the versions of k8ts, of the Kubernetes API it speaks, and of the Node it runs on.',
  flags: { output: { type: 'string', short: 'o', choices: ['json', 'text'], placeholder: 'json', doc: 'print JSON' } },
  async run({ values }, { program }) {
    const node = program.nodeVersion;
    const versions = { k8ts: productVersion, kubernetes: kubernetesVersion, node };
    if (values.output === 'json') program.out(`${JSON.stringify(versions, undefined, 2)}\n`);
    else program.out(`k8ts ${productVersion}\nKubernetes ${kubernetesVersion}\nNode ${node}\n`);
    return 0;
  },
});
