/** That every stored value can be read, before anything is served or changed: what is missing is named, and nothing is made in its place. */
import type { EncryptedStore } from '#store/encryption/encrypted-store.ts';
import { census } from '#store/encryption/rewrite.ts';
import type { Rules } from '#store/encryption/rules.ts';
import { headerOf } from '#store/encryption/transformer.ts';
import type { Store } from '#store/store.ts';
import type { World } from '#world/world.ts';
import type { Layout } from '../layout.ts';
import { formName, readableForms, readRetiredKeys } from './key-file.ts';
import { everything, prefixesOf } from './resources.ts';

const pageEntries = 500;

const remedy =
  'Bring it back (from a copy, or from the server or machine the data comes from). "k8ts up --ignore-missing-keys" starts without it: what it encrypts stays unreadable.';

/** Rejects when there are encrypted values: a new key must not hide that an old one is gone. */
export async function refuseLostKeys(store: Store, file: string): Promise<void> {
  for (let from: string | undefined = everything; from !== undefined;) {
    const { entries } = await store.range(everything, { from, limit: pageEntries });
    for (const { key, value } of entries) {
      const form = headerOf(value);
      if (form !== undefined)
        throw new Error(
          `the key file ${file} is missing, and the stored values need it: ${key} is encrypted with ${formName(form)}. ${remedy}`,
        );
    }
    from = entries.length === pageEntries ? `${entries.at(-1)?.key}\0` : undefined;
  }
}

/** Rejects when a value needs a key that these rules lack. */
export async function requireKeys(
  world: World,
  store: EncryptedStore,
  { layout, file, rules }: { readonly layout: Layout; readonly file: string; readonly rules: Rules },
): Promise<void> {
  const { configuration } = rules;
  const prefixes = prefixesOf(configuration);
  const { forms, examples } = await census(world, store, { prefixes, rules, decrypt: false });
  const readable = readableForms(configuration);
  const missing = [...forms].filter(([form]) => !readable.has(form));
  if (missing.length === 0) return;
  const list = missing.map(
    ([form, count]) =>
      `${formName(form)} (${count === 1 ? '1 value' : `${count} values`}, such as ${examples.get(form)})`,
  );
  const retired = new Set((await readRetiredKeys(world, layout)).map(({ name }) => name));
  const found = missing.map(([form]) => form.split(':')[4] ?? '').filter((name) => retired.has(name));
  throw new Error(
    `${file} lacks what stored values need: ${list.join(', ')}. ` +
      (found.length > 0 ? `${layout.encryptionRetired} has ${found.join(', ')}. ` : '') +
      remedy,
  );
}
