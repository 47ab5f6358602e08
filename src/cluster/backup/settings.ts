/**
 * What the owner of a cluster says about its backups, in `backup.json` of the data directory; everything has a default, and a
 * missing file means all of them. It is read before each backup, so that a change needs no restart. Wrong settings are named,
 * never guessed at.
 */
import type { Millis, World } from '#world/world.ts';
import { retentionDefault, type Retention } from './retention.ts';
import type { S3Target } from './s3.ts';

export interface BackupSettings {
  /** Between two backups; 0: none are made by themselves. */
  readonly intervalMs: Millis;
  readonly keep: Retention;
  readonly s3?: S3Target;
}

const intervalMinutesDefault = 5;
const minuteMs: Millis = 60_000;

export async function readBackupSettings(world: World, path: string): Promise<BackupSettings> {
  const text = await world.disk.readText(path);
  if (text === undefined) return { intervalMs: intervalMinutesDefault * minuteMs, keep: retentionDefault };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path}: ${(cause as Error).message}`, { cause });
  }
  const settings = record(path, value, '', ['intervalMinutes', 'keep', 's3']);
  const keep = record(path, settings['keep'] ?? {}, 'keep', ['recent', 'hourly', 'daily']);
  const s3 = settings['s3'];
  return {
    intervalMs: count(path, settings['intervalMinutes'] ?? intervalMinutesDefault, 'intervalMinutes') * minuteMs,
    keep: {
      recent: Math.max(1, count(path, keep['recent'] ?? retentionDefault.recent, 'keep.recent')),
      hourly: count(path, keep['hourly'] ?? retentionDefault.hourly, 'keep.hourly'),
      daily: count(path, keep['daily'] ?? retentionDefault.daily, 'keep.daily'),
    },
    ...(s3 === undefined ? {} : { s3: targetOf(path, s3) }),
  };
}

function targetOf(path: string, value: unknown): S3Target {
  const required = ['endpoint', 'bucket', 'accessKeyId', 'secretAccessKey'];
  const s3 = record(path, value, 's3', [...required, 'region', 'prefix', 'sessionToken', 'ca']);
  const text = (name: string): string => {
    const found = s3[name];
    if (typeof found !== 'string' || found === '') throw new Error(`${path}: s3.${name} must be a text`);
    return found;
  };
  const endpoint = URL.parse(text('endpoint'));
  if (!endpoint || !/^https?:$/.test(endpoint.protocol) || endpoint.pathname !== '/')
    throw new Error(`${path}: s3.endpoint must be a URL like https://s3.example.com`);
  return {
    endpoint: endpoint.origin,
    bucket: text('bucket'),
    accessKeyId: text('accessKeyId'),
    secretAccessKey: text('secretAccessKey'),
    region: s3['region'] === undefined ? 'us-east-1' : text('region'),
    prefix: s3['prefix'] === undefined ? '' : text('prefix'),
    ...(s3['sessionToken'] === undefined ? {} : { sessionToken: text('sessionToken') }),
    ...(s3['ca'] === undefined ? {} : { ca: text('ca') }),
  };
}

function record(
  path: string,
  value: unknown,
  name: string,
  fields: readonly string[],
): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${path}: ${name || 'the file'} must be an object`);
  const unknown = Object.keys(value).find((key) => !fields.includes(key));
  if (unknown !== undefined) throw new Error(`${path}: unknown field ${name ? `${name}.` : ''}${unknown}`);
  return value as Readonly<Record<string, unknown>>;
}

function count(path: string, value: unknown, name: string): number {
  if (typeof value !== 'number' || !(value >= 0) || !Number.isFinite(value))
    throw new Error(`${path}: ${name} must be a number from 0 on`);
  return value;
}
