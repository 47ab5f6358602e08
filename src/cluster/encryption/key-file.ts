/**
 * The cluster's own encryption configuration, `encryption.yaml` of the data directory: upstream's format with a key that was made here. Keys that were replaced
 * go to `encryption-retired.yaml`: no value of the store needs them any more, but older backups do. Both are for their owner only, and every change of them is
 * one atomic write.
 */
import {
  configurationApiVersion,
  parseEncryptionConfiguration,
  type EncryptionConfiguration,
  type Key,
} from '#store/encryption/configuration.ts';
import type { World } from '#world/world.ts';
import { formatYaml } from '#meta/yaml.ts';
import type { Layout } from '../layout.ts';

/** XSalsa20 takes 32 bytes. */
const keyBytes = 32;
const mode = 0o600;

const head = `# The keys with which this cluster's Secrets are encrypted. Made by k8ts, in the format of Kubernetes:
# https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/
# Without this file the Secrets of the cluster and of its backups are lost. Keep a copy of it, apart from the backups.
# "k8ts encryption rotate-keys" replaces the key.
`;
const retiredHead = `# Keys that "k8ts encryption rotate-keys" has replaced. The cluster needs them no more, older backups do:
# "k8ts restore" takes from here what a backup needs. Delete this file when no backup from before the change is kept.
`;

/** A name that no other cluster's key has: a backup that was brought here tells by it which key it needs. */
export function newKey({ random }: World): Key {
  return { name: `key-${random.suffix(8)}`, secret: Buffer.from(random.bytes(keyBytes)) };
}

/** Throws an Error that names the file. Undefined when there is none. */
export async function readEncryptionFile(
  world: World,
  path: string,
): Promise<{ readonly text: string; readonly configuration: EncryptionConfiguration } | undefined> {
  const text = await world.disk.readText(path);
  if (text === undefined) return undefined;
  try {
    return { text, configuration: parseEncryptionConfiguration(text) };
  } catch (cause) {
    throw new Error(`error decoding encryption provider configuration file "${path}": ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The first key writes. Plain values stay readable: a backup of an older version has them. */
export async function writeKeyFile(world: World, layout: Layout, keys: readonly Key[]): Promise<void> {
  await world.disk.write(layout.encryption, head + textOf(keys), { mode });
}

/** The keys of a file that `writeKeyFile` or its owner has written; undefined when it is of another shape. */
export function keysOf({ resources }: EncryptionConfiguration): readonly Key[] | undefined {
  const [rule, ...more] = resources;
  const [provider] = rule?.providers ?? [];
  const isOurs = more.length === 0 && rule?.resources.join() === 'secrets' && rule.providers[1]?.is === 'identity';
  return isOurs && provider?.is === 'secretbox' ? provider.keys : undefined;
}

export async function readRetiredKeys(world: World, layout: Layout): Promise<readonly Key[]> {
  const found = await readEncryptionFile(world, layout.encryptionRetired);
  return (found && keysOf(found.configuration)) ?? [];
}

export async function retireKeys(world: World, layout: Layout, keys: readonly Key[]): Promise<void> {
  const old = await readRetiredKeys(world, layout);
  const more = keys.filter(({ name }) => !old.some((key) => key.name === name));
  if (more.length > 0)
    await world.disk.write(layout.encryptionRetired, retiredHead + textOf([...more, ...old]), { mode });
}

const textOf = (keys: readonly Key[]): string =>
  formatYaml({
    apiVersion: configurationApiVersion,
    kind: 'EncryptionConfiguration',
    resources: [
      {
        resources: ['secrets'],
        providers: [
          { secretbox: { keys: keys.map(({ name, secret }) => ({ name, secret: secret.toString('base64') })) } },
          { identity: {} },
        ],
      },
    ],
  });

/** What a replacement of keys leaves for whoever starts after a crash: the key that writes now, and those to be retired. */
export interface Rotation {
  readonly key: string;
  readonly retire: readonly string[];
}

export async function readRotation(world: World, { encryptionRotation }: Layout): Promise<Rotation | undefined> {
  const text = await world.disk.readText(encryptionRotation);
  if (text === undefined) return undefined;
  const { key, retire } = JSON.parse(text) as Partial<Rotation>;
  if (typeof key !== 'string' || !Array.isArray(retire)) throw new Error(`${encryptionRotation} is damaged`);
  return { key, retire };
}

export async function writeRotation(world: World, { encryptionRotation }: Layout, rotation: Rotation): Promise<void> {
  await world.disk.write(encryptionRotation, JSON.stringify(rotation), { mode });
}

/** What values may start with that this configuration reads. */
export function readableForms({ resources }: EncryptionConfiguration): ReadonlySet<string> {
  const forms = new Set<string>();
  for (const provider of resources.flatMap(({ providers }) => providers)) {
    if (provider.is === 'kms') forms.add(`k8s:enc:kms:v2:${provider.name}:`);
    else if (provider.is === 'identity') forms.add('plain');
    else for (const { name } of provider.keys) forms.add(`k8s:enc:${provider.is}:v1:${name}:`);
  }
  return forms;
}

/** `k8s:enc:secretbox:v1:key1:` as people say it. */
export function formName(form: string): string {
  const [, , provider = '', , name = ''] = form.split(':');
  if (form === 'plain') return 'not encrypted';
  return provider === 'kms' ? `KMS "${name}"` : `${provider} key "${name}"`;
}
