/**
 * One object into an S3-compatible store: a PUT in path style, signed by AWS Signature Version 4
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html). Retention there is the bucket's own business.
 */
import { createHash, createHmac } from 'node:crypto';
import type { Millis, World } from '#world/world.ts';

export interface S3Target {
  /** `https://s3.example.com`, without a path. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Before the name of each object, e.g. `clusters/one/`. */
  readonly prefix: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** PEM of the CA that signed the endpoint's certificate, when the system does not know it. */
  readonly ca?: string;
}

/** Until the answer: 5 GB, the most that one PUT takes, at some 3 MB a second. */
const timeoutMs: Millis = 30 * 60 * 1_000;
const answerBytesMax = 64 * 1024;

/** Uploads the file at `path` as `prefix + name`. Rejects with what the store answered. */
export async function uploadToS3(
  world: World,
  target: S3Target,
  { path, name }: { path: string; name: string },
): Promise<void> {
  const size = (await world.disk.stat(path))?.sizeBytes;
  if (size === undefined) throw new Error(`${path} does not exist`);
  const hash = createHash('sha256');
  for await (const chunk of world.disk.readStream(path)) hash.update(chunk as Buffer);
  const url = `${target.endpoint}/${encode(target.bucket)}/${encode(target.prefix + name)}`;
  const response = await world.network.request({
    method: 'PUT',
    url,
    headers: signed(target, { method: 'PUT', url, at: world.clock.now(), payload: hash.digest('hex'), size }),
    body: world.disk.readStream(path),
    protocol: 'http/1.1',
    timeoutMs,
    ...(target.ca === undefined ? {} : { tls: { ca: target.ca } }),
  });
  const answer = (await response.bytes(answerBytesMax)).toString();
  if (response.status >= 300)
    throw new Error(`${url}: ${response.status} ${/<Code>([^<]*)/.exec(answer)?.[1] ?? answer.slice(0, 200)}`);
}

interface Request {
  readonly method: string;
  readonly url: string;
  readonly at: Millis;
  /** SHA-256 of the body, in hex. */
  readonly payload: string;
  readonly size: number;
}

/** The headers of a request with its signature among them. */
export function signed(target: S3Target, { method, url, at, payload, size }: Request): Record<string, string> {
  const { host, pathname } = new URL(url);
  const time = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');
  const date = time.slice(0, 8);
  const headers: Record<string, string> = {
    host,
    'x-amz-content-sha256': payload,
    'x-amz-date': time,
    ...(target.sessionToken === undefined ? {} : { 'x-amz-security-token': target.sessionToken }),
  };
  const names = Object.keys(headers).toSorted();
  const canonical = [
    method,
    pathname,
    '',
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    payload,
  ];
  const scope = `${date}/${target.region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical.join('\n')).digest('hex')];
  const key = [date, target.region, 's3', 'aws4_request'].reduce<Buffer | string>(
    hmac,
    `AWS4${target.secretAccessKey}`,
  );
  const signature = hmac(key, text.join('\n')).toString('hex');
  return {
    ...headers,
    'content-length': String(size),
    authorization: `AWS4-HMAC-SHA256 Credential=${target.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}

const hmac = (key: Buffer | string, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** Everything but unreserved characters and the slashes between names, as the signature wants it. */
function encode(path: string): string {
  return path
    .split('/')
    .map((part) =>
      encodeURIComponent(part).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join('/');
}
