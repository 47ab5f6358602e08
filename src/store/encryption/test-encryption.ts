/** Encrypted stores for tests: over what they are handed, with the configuration as a short text. */
import { nodeWorld } from '#world/node/world.ts';
import type { World } from '#world/world.ts';
import { memoryStore } from '../memory.ts';
import type { Store } from '../store.ts';
import { parseEncryptionConfiguration } from './configuration.ts';
import { EncryptedStore, type ResourceOf } from './encrypted-store.ts';
import { TransformationMetrics } from './metrics.ts';
import { startRules } from './rules.ts';

/** 32 times this letter, as it stands in a configuration. */
export const secretOf = (letter: string): string => Buffer.alloc(32, letter).toString('base64');

/** `secretbox sb1=a sb2=b; aesgcm gcm1=c; identity; kms mykms=unix:///path` for these resources. */
export function configurationText(providers: string, resources: readonly string[] = ['secrets']): string {
  const lists = providers.split(';').map((part) => {
    const [is = '', ...pairs] = part.trim().split(' ');
    if (is === 'identity') return { identity: {} };
    const entries = pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const);
    if (is === 'kms') return { kms: { apiVersion: 'v2', name: entries[0]?.[0], endpoint: entries[0]?.[1] } };
    return { [is]: { keys: entries.map(([name, letter]) => ({ name, secret: secretOf(letter) })) } };
  });
  return JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [{ resources, providers: lists }],
  });
}

/** `/registry/<resource>/…`; every other key is a Secret's. */
const resourceOf: ResourceOf = (key) => ({ group: '', resource: /^\/registry\/([^/]+)\//.exec(key)?.[1] ?? 'secrets' });

export const testWorld: World = nodeWorld({ log: { level: 'silent' } });

/** Disposing it ends the rules and, unless it was handed in, the store below. */
export async function testEncryption(
  providers: string,
  options: { readonly raw?: Store; readonly resources?: readonly string[]; readonly world?: World } = {},
): Promise<EncryptedStore> {
  const world = options.world ?? testWorld;
  const metrics = new TransformationMetrics();
  const configuration = parseEncryptionConfiguration(configurationText(providers, options.resources));
  const rules = await startRules(world, configuration, metrics);
  const store = new EncryptedStore(world, options.raw ?? memoryStore(), { rules, resourceOf, metrics });
  const dispose = store[Symbol.asyncDispose].bind(store);
  store[Symbol.asyncDispose] = async () => {
    await store.rules[Symbol.asyncDispose]();
    if (!options.raw) await dispose();
  };
  return store;
}

/** The same store with other providers from now on. */
export async function changeProviders(store: EncryptedStore, providers: string): Promise<void> {
  const old = store.rules;
  const configuration = parseEncryptionConfiguration(configurationText(providers));
  store.use(await startRules(testWorld, configuration, new TransformationMetrics()));
  await old[Symbol.asyncDispose]();
}
