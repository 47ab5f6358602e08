/**
 * The keys that a backup needs, before it takes the place of the data: what it was encrypted with must be readable afterwards. Keys that were retired since come
 * back as keys to read with; the next start encrypts everything with the current one and retires them again.
 */
import type { World } from '#world/world.ts';
import type { Configuration } from '../configuration.ts';
import type { Layout } from '../layout.ts';
import {
  formName,
  keysOf,
  readableForms,
  readEncryptionFile,
  readRetiredKeys,
  readRotation,
  writeKeyFile,
  writeRotation,
} from './key-file.ts';

/** Answers the names of the keys that came back. Rejects with an Error that names what is missing; nothing has changed then. */
export async function bringBackKeys(
  world: World,
  { layout, configuration }: { readonly layout: Layout; readonly configuration: Configuration },
  forms: Readonly<Record<string, number>>,
): Promise<readonly string[]> {
  const file = configuration.encryptionConfig ?? layout.encryption;
  const read = await readEncryptionFile(world, file);
  const readable = read ? readableForms(read.configuration) : new Set<string>();
  const missing = Object.keys(forms).filter((form) => !readable.has(form));
  if (missing.length === 0) return [];
  const current = configuration.encryptionConfig === undefined && read ? keysOf(read.configuration) : undefined;
  const retired = current ? await readRetiredKeys(world, layout) : [];
  const back = retired.filter(({ name }) => missing.includes(`k8s:enc:secretbox:v1:${name}:`));
  if (!current || back.length < missing.length) {
    const list = missing.map(
      (form) => `${formName(form)} (${forms[form] === 1 ? '1 value' : `${forms[form]} values`})`,
    );
    throw new Error(
      `the backup needs keys that are not in ${file}: ${list.join(', ')}. Bring the key file of the cluster that made it: its encryption.yaml, or encryption-retired.yaml beside it. ` +
        'With --ignore-missing-keys it is restored without them, and what they encrypt stays unreadable',
    );
  }
  const names = back.map(({ name }) => name);
  const begun = await readRotation(world, layout);
  const key = current[0]?.name ?? '';
  const retire = begun?.key === key ? begun.retire : [];
  await writeRotation(world, layout, { key, retire: [...new Set([...retire, ...names])] });
  await writeKeyFile(world, layout, [...current, ...back]);
  return names;
}
