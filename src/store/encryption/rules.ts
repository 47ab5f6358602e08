/**
 * An EncryptionConfiguration at work: which transformer each resource has. The exact name counts first, then `*.group`, then `*.*`; what no rule names is
 * stored plain, and an encrypted value of it is refused.
 */
import type { World } from '#world/world.ts';
import { aesCbc, aesGcm, secretbox } from './cipher.ts';
import type { EncryptionConfiguration, Provider } from './configuration.ts';
import { parseGroupResource } from './configuration.ts';
import type { KmsProvider } from './kms.ts';
import type { TransformationMetrics } from './metrics.ts';
import { identity, ofCipher, ofPrefixes, type Prefixed, type Transformer } from './transformer.ts';

export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

const ciphers = { aesgcm: aesGcm, aescbc: aesCbc, secretbox } as const;
const noKey = {
  aesgcm: 'no matching key was found for the provided AES transformer',
  aescbc: 'no matching key was found for the provided AES transformer',
  secretbox: 'no matching key was found for the provided Secretbox transformer',
} as const;

export class Rules implements AsyncDisposable {
  readonly configuration: EncryptionConfiguration;
  readonly #lists: ReadonlyMap<string, readonly Prefixed[]>;
  readonly #kms: readonly { readonly name: string; readonly provider: KmsProvider }[];
  readonly #world: World;
  readonly #metrics: TransformationMetrics;
  readonly #made = new Map<string, Transformer>();

  constructor(
    world: World,
    metrics: TransformationMetrics,
    made: {
      readonly configuration: EncryptionConfiguration;
      readonly lists: ReadonlyMap<string, readonly Prefixed[]>;
      readonly kms: readonly { readonly name: string; readonly provider: KmsProvider }[];
    },
  ) {
    this.#world = world;
    this.#metrics = metrics;
    this.configuration = made.configuration;
    this.#lists = made.lists;
    this.#kms = made.kms;
  }

  /** Undefined for a resource that no rule names. */
  of({ group, resource }: GroupResource): Transformer | undefined {
    const name = group === '' ? resource : `${resource}.${group}`;
    const list = this.#lists.get(idOf(group, resource)) ?? this.#lists.get(idOf(group, '*')) ?? this.#lists.get('*.*');
    if (!list) return undefined;
    let transformer = this.#made.get(name);
    if (!transformer) this.#made.set(name, (transformer = this.#timed(name, list)));
    return transformer;
  }

  /** The KMSs in use. */
  get seeds(): readonly { readonly name: string; readonly provider: Pick<KmsProvider, 'size' | 'health'> }[] {
    return this.#kms;
  }

  /** What is wrong with the KMSs, in upstream's words. */
  health(): string | undefined {
    const wrong = this.#kms.flatMap(({ provider }, at) => {
      const problem = provider.health();
      return problem === undefined ? [] : [`kms-provider-${at}: ${problem}`];
    });
    return wrong.length < 2 ? wrong[0] : `[${wrong.join(', ')}]`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#kms.map(({ provider }) => provider[Symbol.asyncDispose]()));
  }

  #timed(name: string, list: readonly Prefixed[]): Transformer {
    const { clock } = this.#world;
    let began: number | undefined;
    const transformer = ofPrefixes(list, 'no matching prefix found', (direction, prefix, error) => {
      const seconds = began === undefined ? undefined : (clock.monotonic() - began) / 1000;
      this.#metrics.record({ resource: name, direction, prefix }, error, seconds);
    });
    /** What ends later, because a KMS was asked, is counted and not measured. */
    const timed = <T>(run: () => T): T => {
      began = clock.monotonic();
      try {
        return run();
      } finally {
        began = undefined;
      }
    };
    return {
      seal: (plain, key) => timed(() => transformer.seal(plain, key)),
      open: (stored, key) => timed(() => transformer.open(stored, key)),
    };
  }
}

const idOf = (group: string, resource: string): string => `${resource}.${group}`;

/** Makes the keys ready, and asks each KMS once. */
export async function startRules(
  world: World,
  configuration: EncryptionConfiguration,
  metrics: TransformationMetrics,
): Promise<Rules> {
  const lists = new Map<string, Prefixed[]>();
  const kms: { name: string; provider: KmsProvider }[] = [];
  const prefixed = async (provider: Provider): Promise<Prefixed> => {
    switch (provider.is) {
      case 'identity':
        return { prefix: '', transformer: identity };
      case 'kms': {
        // Loaded only here: a cluster without a KMS must not carry what speaks to one in memory.
        const { kmsClient } = await import('./kms-client.ts');
        const { startKmsProvider } = await import('./kms.ts');
        const started = await startKmsProvider(world, provider.name, kmsClient(world, provider));
        kms.push({ name: provider.name, provider: started });
        return { prefix: `k8s:enc:kms:v2:${provider.name}:`, transformer: started };
      }
      case 'aesgcm':
      case 'aescbc':
      case 'secretbox': {
        const { is, keys } = provider;
        const byName = keys.map(({ name, secret }) => ({
          prefix: `${name}:`,
          transformer: ofCipher(ciphers[is](secret, world.random)),
        }));
        return { prefix: `k8s:enc:${is}:v1:`, transformer: ofPrefixes(byName, noKey[is]) };
      }
      default:
        throw new Error(`unknown provider ${JSON.stringify(provider satisfies never)}`);
    }
  };
  for (const rule of configuration.resources) {
    const providers: Prefixed[] = [];
    for (const provider of rule.providers) providers.push(await prefixed(provider));
    for (const name of rule.resources) {
      const { group, resource } = parseGroupResource(name);
      const id = idOf(group, resource);
      // The same resource in two rules: the first one's providers come first.
      lists.set(id, [...(lists.get(id) ?? []), ...providers]);
    }
  }
  return new Rules(world, metrics, { configuration, lists, kms });
}
