/** A registry of one small image on loopback that answers only who knows the password. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { tarOf } from '#images/testing.ts';
import { world } from './oci-fixture.ts';

export async function fakeRegistry({
  user,
  password,
}: {
  user: string;
  password: string;
}): Promise<{ readonly port: number } & AsyncDisposable> {
  const digest = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const tar = tarOf({ name: 'hello', content: 'hello' });
  const layer = gzipSync(tar);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [digest(tar)] },
    }),
  );
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digest(config), size: config.length },
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digest(layer), size: layer.length }],
    }),
  );
  const blobs = new Map([config, layer].map((bytes) => [digest(bytes), bytes]));
  const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return world.network.serveHttp(
    { listen: { host: '127.0.0.1', port: 0 } },
    {
      request(exchange) {
        if (exchange.headers['authorization'] !== expected) {
          exchange.respond(
            401,
            { 'www-authenticate': 'Basic realm="test"', 'content-type': 'application/json' },
            '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
          );
          return;
        }
        const blob = blobs.get(exchange.url.split('/blobs/')[1] ?? '');
        if (blob) exchange.respond(200, { 'content-type': 'application/octet-stream' }, blob);
        else if (exchange.url.includes('/manifests/')) {
          exchange.respond(
            200,
            { 'content-type': 'application/vnd.oci.image.manifest.v1+json', 'docker-content-digest': digest(manifest) },
            manifest,
          );
        } else exchange.respond(exchange.url.startsWith('/v2/') ? 200 : 404, {}, '');
      },
    },
  );
}
