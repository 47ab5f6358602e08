/** `k8ts encryption`: how the Secrets of the running cluster are encrypted, and the change of their key. */
import { askEncryption, type EncryptionRequest } from '#cluster/encryption/encryption-socket.ts';
import type { EncryptionStatus, Replaced } from '#cluster/encryption/encryption.ts';
import { formName } from '#cluster/encryption/key-file.ts';
import { readConfiguration } from '#cluster/configuration.ts';
import { runningState } from '#cluster/process-state.ts';
import { command } from './command.ts';
import { dataDirectoryFlag, layoutFor } from './data-directory.ts';
import { UsageError } from './flags.ts';

const requests: readonly string[] = ['status', 'rotate-keys', 'reencrypt'] satisfies EncryptionRequest[];

export const encryption = command({
  name: 'encryption',
  usage: 'k8ts encryption status|rotate-keys|reencrypt [--data-dir DIR]',
  summary: 'Show how Secrets are encrypted at rest, or replace the key.',
  details:
    'status       which keys there are, and how many values are stored with each\n' +
    'rotate-keys  a new key encrypts everything anew; the old one is retired when no value needs it any more. Goes on where it was cut short\n' +
    'reencrypt    brings every value into the form of the first provider, after a change of your own configuration (--encryption-provider-config)\n\n' +
    'The keys are in "encryption.yaml" of the data directory, for which there is no replacement: keep a copy, apart from the backups.\n' +
    'Where several API servers share one etcd, all need the same keys: docs/ENCRYPTION.md tells how they are replaced there.',
  flags: { 'data-dir': dataDirectoryFlag },
  words: [1, 1],
  async run({ values, words: [request = ''] }, { world, program }) {
    if (!requests.includes(request))
      throw new UsageError(`unknown request "${request}": it is one of ${requests.join(', ')}`);
    const layout = layoutFor(world, values['data-dir']);
    const configuration = await readConfiguration(world, layout);
    if (!configuration) {
      program.err(`There is no cluster in ${layout.root}: start one with "k8ts up".\n`);
      return 1;
    }
    // Of several servers, any.
    const places = configuration.controlPlanes?.map(({ name }) => layout.controlPlane(name)) ?? [layout];
    const states = await Promise.all(places.map(({ serverState }) => runningState(world, serverState)));
    const place = places.find((_place, index) => states[index] !== undefined);
    if (!place) {
      program.err('The cluster does not run: start it with "k8ts up".\n');
      return 1;
    }
    const answer = await askEncryption(world, place, request as EncryptionRequest);
    program.out(request === 'status' ? shown(answer as EncryptionStatus) : told(answer as Replaced));
    return 0;
  },
});

function shown({ file, managed, rules, forms, stale, unreadable, kms, work }: EncryptionStatus): string {
  const lines = [`configuration  ${file} (${managed ? 'kept by k8ts' : 'yours'})`];
  for (const { resources, providers } of rules)
    lines.push(`               ${resources.join(', ')}: ${providers.join(', ')} (the first one writes)`);
  const counts = Object.entries(forms).map(
    ([form, count]) => `${count} ${count === 1 ? 'value' : 'values'}: ${formName(form)}`,
  );
  for (const [at, line] of (counts.length > 0 ? counts : ['nothing yet']).entries())
    lines.push(`${(at === 0 ? 'stored' : '').padEnd(15)}${line}`);
  lines.push(`               ${stale} to be written anew, ${unreadable} unreadable`);
  if (kms !== undefined) lines.push(`KMS            ${kms}`);
  if (work !== undefined) lines.push(`now            ${work}`);
  return `${lines.join('\n')}\n`;
}

const told = ({ key, rewritten, retired }: Replaced): string =>
  (key === undefined ? '' : `The key ${key} encrypts everything now.\n`) +
  `${rewritten} ${rewritten === 1 ? 'value was' : 'values were'} encrypted anew.\n` +
  (retired.length === 0 ? '' : `Retired, for older backups only: ${retired.join(', ')}.\n`);
