/**
 * The JSON documents of an image (OCI image-spec v1, Docker schema 2): index, manifest, config. They come from strangers:
 * every field that we use is checked here, once, and nothing else is believed.
 */
import { type Digest, parseDigest } from './reference.ts';

export const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
] as const;
export const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
] as const;

export const manifestBytesMax = 4 * 1024 * 1024; // what the distribution specification asks registries to accept
export const configBytesMax = 8 * 1024 * 1024;
export const layersMax = 127; // Docker's limit; overlayfs' mount options must fit one page
export const layerBytesMax = 64 * 1024 ** 3;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

export interface ImageIndex {
  readonly manifests: readonly (Descriptor & {
    readonly platform?: Platform;
    readonly annotations: Readonly<Record<string, string>>;
  })[];
}

export interface ImageManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly user: string;
  readonly environment: readonly string[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly workingDirectory: string;
  readonly stopSignal: string;
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly diffIds: readonly Digest[];
}

/** The image is not what its documents must be. */
export class InvalidImage extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'InvalidImage';
  }
}

/** An index or a manifest, told apart by its media type and, where that is missing, by its shape. */
export function parseManifest(
  bytes: Uint8Array,
  mediaType: string,
): { index: ImageIndex } | { manifest: ImageManifest } {
  const json = parseJson(bytes, 'manifest');
  if (json['schemaVersion'] === 1) {
    throw new InvalidImage(
      'media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer supported; rebuild the image as OCI or Docker schema 2',
    );
  }
  const type = stringOf(json['mediaType']) || mediaType.split(';')[0]?.trim() || '';
  if ((indexTypes as readonly string[]).includes(type) || (Array.isArray(json['manifests']) && !json['config'])) {
    return { index: { manifests: array(json['manifests'], 'manifests').map((entry) => indexEntry(entry)) } };
  }
  if (!(manifestTypes as readonly string[]).includes(type) && !json['config']) {
    throw new InvalidImage(`unsupported manifest media type ${JSON.stringify(type)}`);
  }
  const layers = array(json['layers'], 'layers').map((layer) => descriptor(layer, 'layer'));
  if (layers.length > layersMax)
    throw new InvalidImage(`the image has ${layers.length} layers; at most ${layersMax} can be mounted`);
  for (const layer of layers) {
    if (layer.sizeBytes > layerBytesMax)
      throw new InvalidImage(`layer ${layer.digest} is larger than ${layerBytesMax} bytes`);
  }
  const config = descriptor(json['config'], 'config');
  if (config.sizeBytes > configBytesMax) throw new InvalidImage(`the config of ${config.sizeBytes} bytes is too large`);
  return { manifest: { config, layers } };
}

export function parseConfig(bytes: Uint8Array): ImageConfig {
  const json = parseJson(bytes, 'config');
  const config = object(json['config'] ?? {}, 'config.config');
  const rootfs = object(json['rootfs'], 'config.rootfs');
  return {
    architecture: stringOf(json['architecture']),
    os: stringOf(json['os']),
    user: stringOf(config['User']),
    environment: strings(config['Env'], 'Env').filter((entry) => entry.indexOf('=') > 0),
    entrypoint: strings(config['Entrypoint'], 'Entrypoint'),
    command: strings(config['Cmd'], 'Cmd'),
    workingDirectory: stringOf(config['WorkingDir']),
    stopSignal: stringOf(config['StopSignal']),
    volumes: Object.keys(object(config['Volumes'] ?? {}, 'Volumes')),
    labels: Object.fromEntries(
      Object.entries(object(config['Labels'] ?? {}, 'Labels')).map(([key, value]) => [key, stringOf(value)]),
    ),
    diffIds: strings(rootfs['diff_ids'], 'rootfs.diff_ids').map((id) => digest(id, 'diff_ids')),
  };
}

/** The best entry of an index for this platform. Attestations and other attachments are passed over. */
export function selectPlatform(index: ImageIndex, wanted: Platform): Descriptor {
  const candidates = index.manifests.filter((entry) => entry.annotations['vnd.docker.reference.type'] === undefined);
  const fits = candidates.filter(
    (entry) => entry.platform?.os === wanted.os && entry.platform.architecture === wanted.architecture,
  );
  const exact = fits.find((entry) => (entry.platform?.variant ?? '') === (wanted.variant ?? ''));
  const found = exact ?? fits[0] ?? (candidates.length === 1 && !candidates[0]?.platform ? candidates[0] : undefined);
  if (!found) {
    const variant = wanted.variant ? `/${wanted.variant}` : '';
    throw new InvalidImage(
      `no match for platform in manifest: ${wanted.os}/${wanted.architecture}${variant}: not found`,
    );
  }
  return found;
}

/** Node's name for the processor → Go's, which images use. */
export function platformOf(arch: string): Platform {
  const architecture = ({ x64: 'amd64', ia32: '386', loong64: 'loong64' } as Record<string, string>)[arch] ?? arch;
  if (architecture === 'arm64') return { os: 'linux', architecture, variant: 'v8' };
  if (architecture === 'arm') return { os: 'linux', architecture, variant: 'v7' };
  return { os: 'linux', architecture };
}

function indexEntry(value: unknown): ImageIndex['manifests'][number] {
  const json = object(value, 'index entry');
  const platform = json['platform'] === undefined ? undefined : object(json['platform'], 'platform');
  const annotations = Object.entries(object(json['annotations'] ?? {}, 'annotations'));
  return {
    ...descriptor(json, 'index entry'),
    annotations: Object.fromEntries(annotations.map(([key, text]) => [key, stringOf(text)])),
    ...(platform
      ? {
          platform: {
            os: stringOf(platform['os']),
            architecture: stringOf(platform['architecture']),
            variant: stringOf(platform['variant']),
          },
        }
      : {}),
  };
}

function descriptor(value: unknown, what: string): Descriptor {
  const json = object(value, what);
  const size = json['size'];
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw new InvalidImage(`${what}: size is missing`);
  return { mediaType: stringOf(json['mediaType']), digest: digest(stringOf(json['digest']), what), sizeBytes: size };
}

function digest(text: string, what: string): Digest {
  try {
    return parseDigest(text);
  } catch (error) {
    throw new InvalidImage(`${what}: ${JSON.stringify(text.slice(0, 100))} is not a sha256 digest`, { cause: error });
  }
}

export function parseJson(bytes: Uint8Array, what: string): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  } catch (error) {
    throw new InvalidImage(`the image's ${what} is not JSON: ${(error as Error).message}`);
  }
  return object(json, what);
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidImage(`the image's ${what} is not an object`);
  return value as Record<string, unknown>;
}

function array(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new InvalidImage(`the image's ${what} is not a list`);
  return value;
}

function strings(value: unknown, what: string): readonly string[] {
  if (value === undefined || value === null) return [];
  const list = array(value, what);
  if (!list.every((item): item is string => typeof item === 'string' && !item.includes('\0')))
    throw new InvalidImage(`the image's ${what} is not a list of strings`);
  return list;
}

function stringOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
