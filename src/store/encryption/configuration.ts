/**
 * Upstream's EncryptionConfiguration (apiserver.config.k8s.io/v1): read strictly from YAML or JSON and checked by upstream's rules, in its words. No message
 * holds anything of a key.
 */
import { parseDuration } from '#base/duration.ts';
import { invalidValue, required } from '#meta/causes.ts';
import type { Cause } from '#meta/status.ts';
import { parseYaml } from '#meta/yaml.ts';
import type { Millis } from '#world/world.ts';

export interface EncryptionConfiguration {
  readonly resources: readonly ResourceRule[];
}

export interface ResourceRule {
  /** `secrets`, `deployments.apps`, `*.apps`, `*.` (the core group) or `*.*`. */
  readonly resources: readonly string[];
  /** The first one writes, all of them read. */
  readonly providers: readonly Provider[];
}

export type Provider =
  | { readonly is: 'aesgcm' | 'aescbc' | 'secretbox'; readonly keys: readonly Key[] }
  | { readonly is: 'kms'; readonly name: string; readonly endpoint: string; readonly timeoutMs: Millis }
  | { readonly is: 'identity' };

export interface Key {
  readonly name: string;
  readonly secret: Buffer;
}

export const configurationApiVersion = 'apiserver.config.k8s.io/v1';
const kmsTimeoutMs: Millis = 3_000;
const keyBytes = { aesgcm: [16, 24, 32], aescbc: [16, 24, 32], secretbox: [32] } as const;
const providerNames = ['aesgcm', 'aescbc', 'secretbox', 'identity', 'kms'] as const;

/** Throws an Error with everything that is wrong. */
export function parseEncryptionConfiguration(text: string): EncryptionConfiguration {
  const documents = parseYaml(text, { strict: true }).filter((document) => document !== null && document !== undefined);
  if (documents.length !== 1) throw new Error(`an EncryptionConfiguration is one document, not ${documents.length}`);
  const reading = new Reading();
  const root = reading.struct(documents[0], '', ['apiVersion', 'kind', 'resources']);
  if (root['apiVersion'] !== configurationApiVersion || root['kind'] !== 'EncryptionConfiguration')
    throw new Error(
      `no kind "${String(root['kind'])}" is registered for version "${String(root['apiVersion'])}": an EncryptionConfiguration of ${configurationApiVersion} is needed`,
    );
  const rules = reading
    .list(root['resources'], 'resources')
    .map((raw, at) => readRule(reading, raw, `resources[${at}]`));
  reading.end();
  const causes = rules.length === 0 ? [required('resources', 'at least one resources is required')] : checkRules(rules);
  if (causes.length > 0)
    throw new Error(aggregate(causes.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`))));
  return { resources: rules.map(finished) };
}

const aggregate = (texts: readonly string[]): string => {
  const [only, ...more] = new Set(texts);
  return more.length === 0 ? (only ?? '') : `[${[only, ...more].join(', ')}]`;
};

/** As it stands in the file, before it is known to be right. */
interface RawRule {
  readonly path: string;
  readonly resources: readonly string[];
  readonly providers: readonly RawProvider[];
}
interface RawProvider {
  readonly path: string;
  readonly keys: Readonly<Partial<Record<'aesgcm' | 'aescbc' | 'secretbox', readonly RawKey[]>>>;
  readonly kms: RawKms | undefined;
  readonly identity: boolean;
}
interface RawKey {
  readonly path: string;
  readonly name: string;
  readonly secret: string;
}
interface RawKms {
  readonly path: string;
  readonly apiVersion: string;
  readonly name: string;
  readonly endpoint: string;
  readonly cachesize: unknown;
  readonly timeout: string | undefined;
}

/** Collects what is not of the form at all: told before any rule, as upstream's strict decoder does. */
class Reading {
  readonly #wrong: string[] = [];

  struct(raw: unknown, path: string, fields: readonly string[]): Readonly<Record<string, unknown>> {
    if (raw === null || typeof raw !== 'object' || Array.isArray(raw)) {
      if (raw !== null && raw !== undefined) this.#wrong.push(`${path || 'the document'} must be an object`);
      return {};
    }
    for (const field of Object.keys(raw))
      if (!fields.includes(field))
        this.#wrong.push(`unknown field ${JSON.stringify(path ? `${path}.${field}` : field)}`);
    return raw as Readonly<Record<string, unknown>>;
  }

  list(raw: unknown, path: string): readonly unknown[] {
    if (Array.isArray(raw)) return raw;
    if (raw !== null && raw !== undefined) this.#wrong.push(`${path} must be a list`);
    return [];
  }

  text(raw: unknown, path: string): string {
    if (typeof raw === 'string') return raw;
    if (raw !== null && raw !== undefined) this.#wrong.push(`${path} must be a string`);
    return '';
  }

  end(): void {
    if (this.#wrong.length > 0) throw new Error(`strict decoding error: ${this.#wrong.join(', ')}`);
  }
}

function readRule(reading: Reading, raw: unknown, path: string): RawRule {
  const rule = reading.struct(raw, path, ['resources', 'providers']);
  return {
    path,
    resources: reading
      .list(rule['resources'], `${path}.resources`)
      .map((resource, at) => reading.text(resource, `${path}.resources[${at}]`)),
    providers: reading
      .list(rule['providers'], `${path}.providers`)
      .map((provider, at) => readProvider(reading, provider, `${path}.providers[${at}]`)),
  };
}

function readProvider(reading: Reading, raw: unknown, path: string): RawProvider {
  const provider = reading.struct(raw, path, providerNames);
  const present = (name: string): boolean => provider[name] !== undefined && provider[name] !== null;
  const keys: { -readonly [name in keyof RawProvider['keys']]: RawProvider['keys'][name] } = {};
  for (const name of ['aesgcm', 'aescbc', 'secretbox'] as const) {
    if (!present(name)) continue;
    const at = `${path}.${name}`;
    const list = reading.list(reading.struct(provider[name], at, ['keys'])['keys'], `${at}.keys`);
    keys[name] = list.map((item, index) => {
      const where = `${at}.keys[${index}]`;
      const key = reading.struct(item, where, ['name', 'secret']);
      return {
        path: where,
        name: reading.text(key['name'], `${where}.name`),
        secret: reading.text(key['secret'], `${where}.secret`),
      };
    });
  }
  if (present('identity')) reading.struct(provider['identity'], `${path}.identity`, []);
  let kms: RawKms | undefined;
  if (present('kms')) {
    const at = `${path}.kms`;
    const raw = reading.struct(provider['kms'], at, ['apiVersion', 'name', 'cachesize', 'endpoint', 'timeout']);
    kms = {
      path: at,
      apiVersion: reading.text(raw['apiVersion'], `${at}.apiVersion`) || 'v1',
      name: reading.text(raw['name'], `${at}.name`),
      endpoint: reading.text(raw['endpoint'], `${at}.endpoint`),
      cachesize: raw['cachesize'] ?? undefined,
      timeout: (raw['timeout'] ?? undefined) === undefined ? undefined : reading.text(raw['timeout'], `${at}.timeout`),
    };
  }
  return { path, keys, kms, identity: present('identity') };
}

function checkRules(rules: readonly RawRule[]): Cause[] {
  const causes: Cause[] = [];
  const kmsNames = new Set<string>();
  const before: string[] = [];
  for (const { path, resources, providers } of rules) {
    const at = `${path}.resources`;
    if (resources.length === 0) causes.push(required(at, `at least one ${at} is required`));
    causes.push(
      ...checkOverlap(resources, at),
      ...resources.flatMap((name, index) => checkName(name, `${at}[${index}]`)),
    );
    for (const resource of resources) causes.push(...checkMasked(resource, before));
    before.push(...resources);
    if (providers.length === 0)
      causes.push(required(`${path}.providers`, `at least one ${path}.providers is required`));
    for (const provider of providers) causes.push(...checkProvider(provider, kmsNames));
  }
  return causes;
}

/** `pods` and `pods.` are the core group's. */
export function parseGroupResource(text: string): { readonly group: string; readonly resource: string } {
  const dot = text.indexOf('.');
  return dot < 0 ? { group: '', resource: text } : { group: text.slice(dot + 1), resource: text.slice(0, dot) };
}

function checkOverlap(resources: readonly string[], path: string): Cause[] {
  const parsed = resources.map(parseGroupResource);
  let duplicates = false;
  let overlap = false;
  for (const [i, a] of parsed.entries())
    for (const [j, b] of parsed.entries()) {
      if (i === j) continue;
      if (a.group === b.group && a.resource === b.resource) duplicates = true;
      else if (a.group === '*' && a.resource === '*') overlap = true;
      else if (a.group === b.group && (a.resource === '*' || b.resource === '*')) overlap = true;
    }
  return [
    ...(duplicates ? [invalidValue(path, resources, 'the same resource cannot be specified multiple times')] : []),
    ...(overlap
      ? [
          invalidValue(
            path,
            resources,
            "using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as they will be masked",
          ),
        ]
      : []),
  ];
}

function checkName(name: string, path: string): Cause[] {
  const wrong = (detail: string): Cause[] => [invalidValue(path, name, detail)];
  if (name.toLowerCase() !== name) return wrong('resource name should not contain capital letters');
  if (name === '*')
    return wrong("use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources");
  if (['apiserveripinfo', 'serviceipallocations', 'servicenodeportallocations'].includes(name))
    return wrong('resources which do not have REST API/s cannot be encrypted');
  const { group, resource } = parseGroupResource(name);
  if (group === 'events.k8s.io')
    return wrong(
      "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file",
    );
  if (group === 'extensions') return wrong("'extensions' group has been removed and cannot be used for encryption");
  if (group === '*' && resource !== '*') return wrong('encrypting the same resource across groups is not supported');
  return [];
}

/** A rule that an earlier one leaves nothing to. */
function checkMasked(resource: string, before: readonly string[]): Cause[] {
  const { group } = parseGroupResource(resource);
  const by = before.find((earlier) => earlier === '*.*' || earlier === `*.${group}`);
  if (by === undefined) return [];
  const message = `resource "${resource}" is masked by earlier rule "${by}"`;
  return [{ reason: 'FieldValueInvalid', field: '', message }];
}

function checkProvider(provider: RawProvider, kmsNames: Set<string>): Cause[] {
  const { path, keys, kms, identity } = provider;
  const found = Object.keys(keys).length + Number(kms !== undefined) + Number(identity);
  if (found === 0)
    return [
      invalidValue(
        path,
        { AESGCM: null, AESCBC: null, Secretbox: null, Identity: null, KMS: null },
        'provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity',
      ),
    ];
  const causes: Cause[] = [];
  if (found > 1)
    causes.push(
      invalidValue(
        path,
        // Upstream prints the provider here, with its keys.
        'REDACTED',
        'more than one provider specified in a single element, should split into different list elements',
      ),
    );
  if (kms) return [...causes, ...checkKms(kms, kmsNames)];
  for (const [name, list] of Object.entries(keys)) {
    if (list.length === 0) causes.push(required(`${path}.${name}.keys`, 'at least one keys is required'));
    causes.push(...list.flatMap((key) => checkKey(key, keyBytes[name as keyof typeof keyBytes])));
  }
  return causes;
}

function checkKey({ path, name, secret }: RawKey, lengths: readonly number[]): Cause[] {
  const causes: Cause[] = [];
  if (name === '') causes.push(required(`${path}.name`, 'name is a mandatory field for a key'));
  if (secret === '') return [...causes, required(`${path}.secret`, 'secret is a mandatory field for a key')];
  const bytes = bytesOf(secret);
  if (!bytes) causes.push(invalidValue(`${path}.secret`, 'REDACTED', 'secrets must be base64 encoded'));
  else if (!lengths.includes(bytes.length))
    causes.push(
      invalidValue(
        `${path}.secret`,
        'REDACTED',
        `secret is not of the expected length, got ${bytes.length}, expected one of [${lengths.join(' ')}]`,
      ),
    );
  return causes;
}

/** Go's standard base64: padded, and line ends do not count. */
function bytesOf(text: string): Buffer | undefined {
  const bare = text.replace(/[\r\n]/g, '');
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(bare)
    ? Buffer.from(bare, 'base64')
    : undefined;
}

function checkKms({ path, apiVersion, name, endpoint, cachesize, timeout }: RawKms, names: Set<string>): Cause[] {
  if (apiVersion === 'v1')
    return [
      invalidValue(
        `${path}.apiVersion`,
        'v1',
        'KMSv1 is deprecated and not served here. Use KMSv2 instead (apiVersion: v2; without a version, v1 is meant)',
      ),
    ];
  const causes: Cause[] = [];
  if (name === '') causes.push(required(`${path}.name`, 'name is a mandatory field for a provider'));
  if (name.includes(':'))
    causes.push(invalidValue(`${path}.name`, name, `invalid KMS provider name ${name}, must not contain ':'`));
  if (names.has(name))
    causes.push(invalidValue(`${path}.name`, name, `duplicate KMS provider name ${name}, names must be unique`));
  names.add(name);
  const ms = timeoutOf(timeout);
  if (ms === undefined || ms <= 0)
    causes.push(invalidValue(`${path}.timeout`, timeout, 'timeout should be a positive value'));
  if (endpoint === '') causes.push(invalidValue(`${path}.endpoint`, '', 'endpoint is a mandatory field for a kms'));
  else {
    const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(endpoint)?.[1] ?? '';
    if (scheme !== 'unix')
      causes.push(
        invalidValue(
          `${path}.endpoint`,
          endpoint,
          `unsupported scheme "${scheme}" for KMS provider, only unix is supported`,
        ),
      );
    else if (socketOf(endpoint) === undefined)
      causes.push(invalidValue(`${path}.endpoint`, endpoint, 'invalid endpoint for kms provider, error: no path'));
  }
  if (cachesize !== undefined)
    causes.push(invalidValue(`${path}.cachesize`, cachesize, 'cachesize is not supported in v2'));
  if (apiVersion !== 'v2')
    causes.push(
      invalidValue(
        `${path}.apiVersion`,
        apiVersion,
        'unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported',
      ),
    );
  return causes;
}

/** The socket's path of `unix:///path`; of `unix:///@name` the abstract one. */
export function socketOf(endpoint: string): string | undefined {
  const path = /^unix:\/\/(\/.+)$/.exec(endpoint)?.[1];
  return path?.startsWith('/@') ? `\0${path.slice(2)}` : path;
}

function timeoutOf(text: string | undefined): Millis | undefined {
  if (text === undefined) return kmsTimeoutMs;
  try {
    return parseDuration(text);
  } catch {
    return undefined;
  }
}

function finished({ resources, providers }: RawRule): ResourceRule {
  return {
    resources,
    providers: providers.map(({ keys, kms }): Provider => {
      if (kms)
        return { is: 'kms', name: kms.name, endpoint: kms.endpoint, timeoutMs: timeoutOf(kms.timeout) ?? kmsTimeoutMs };
      for (const is of ['aesgcm', 'aescbc', 'secretbox'] as const) {
        const list = keys[is];
        if (list)
          return { is, keys: list.map(({ name, secret }) => ({ name, secret: bytesOf(secret) ?? Buffer.alloc(0) })) };
      }
      return { is: 'identity' };
    }),
  };
}
