/**
 * The cluster's own certificate authority and every identity it gives out: ECDSA P-256, one key pair for each component and node, files of mode 0600.
 * Who is who follows https://kubernetes.io/docs/setup/best-practices/certificates/.
 */
import { webcrypto, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { TlsIdentity, World } from '#world/world.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 24 * 60 * 60 * 1000;
const authorityDays = 3650;
const leafDays = 365;
/** A leaf with less than this left is made anew at the next start. */
const renewDays = 30;

/** Loaded only when something is to be signed: a start that finds everything in place does without it. */
async function signing() {
  await import('reflect-metadata');
  const x509 = await import('@peculiar/x509');
  x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);
  return x509;
}

export interface Authority extends TlsIdentity {
  /** Makes an identity, or answers the one on disk while it is valid and says the same. */
  issue(name: string, request: CertificateRequest): Promise<TlsIdentity>;
}

export interface CertificateRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly usage: 'client' | 'server' | 'both';
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
}

/** Opens the authority in `directory`, making it on first use under this name. */
export async function openAuthority(world: World, directory: string, name = 'kubernetes'): Promise<Authority> {
  await world.disk.makeDirectory(directory, { mode: 0o700 });
  const kept = await readPair(world, directory, 'ca');
  const pair = kept ?? (await makeAuthority(world, directory, name));
  return {
    ...pair,
    issue: async (name, request) => {
      const present = await readPair(world, directory, name);
      if (present && isCurrent(world, present.cert, request)) return present;
      const x509 = await signing();
      const certificate = new x509.X509Certificate(pair.cert);
      const key = await importKey(pair.key);
      const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
      const now = world.clock.now();
      const usages: string[] = [];
      if (request.usage !== 'server') usages.push(x509.ExtendedKeyUsage.clientAuth);
      if (request.usage !== 'client') usages.push(x509.ExtendedKeyUsage.serverAuth);
      const names = [
        ...(request.dnsNames ?? []).map((value) => ({ type: 'dns' as const, value })),
        ...(request.ipAddresses ?? []).map((value) => ({ type: 'ip' as const, value })),
      ];
      const leaf = await x509.X509CertificateGenerator.create({
        serialNumber: serial(world),
        subject: subjectOf(request),
        issuer: certificate.subject,
        notBefore: new Date(now - 60_000),
        notAfter: new Date(now + leafDays * dayMs),
        publicKey: keys.publicKey as never,
        signingKey: key as never,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension(usages),
          ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
        ],
      });
      return writePair(world, directory, name, {
        cert: `${leaf.toString('pem')}\n`,
        key: await exportKey(keys.privateKey),
      });
    },
  };
}

/** The key that signs ServiceAccount tokens. */
export async function openTokenKey(
  world: World,
  directory: string,
): Promise<{ privateKey: string; publicKey: string }> {
  const [privateKey, publicKey] = await Promise.all([
    world.disk.readText(join(directory, 'sa.key')),
    world.disk.readText(join(directory, 'sa.pub')),
  ]);
  if (privateKey && publicKey) return { privateKey, publicKey };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const made = {
    privateKey: await exportKey(keys.privateKey),
    publicKey: pem('PUBLIC KEY', await webcrypto.subtle.exportKey('spki', keys.publicKey)),
  };
  await world.disk.write(join(directory, 'sa.pub'), made.publicKey, { mode: 0o600 });
  await world.disk.write(join(directory, 'sa.key'), made.privateKey, { mode: 0o600 });
  return made;
}

async function makeAuthority(world: World, directory: string, name: string): Promise<TlsIdentity> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const now = world.clock.now();
  const x509 = await signing();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(world),
    name: `CN=${name}`,
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + authorityDays * dayMs),
    keys: keys as never,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never),
    ],
  });
  return writePair(world, directory, 'ca', {
    cert: `${certificate.toString('pem')}\n`,
    key: await exportKey(keys.privateKey),
  });
}

/** A certificate that still has time and names the same things. */
function isCurrent(world: World, pemText: string, request: CertificateRequest): boolean {
  const certificate = new X509Certificate(pemText);
  if (certificate.validToDate.getTime() - world.clock.now() < renewDays * dayMs) return false;
  const subject = [...(request.organizations ?? []).map((name) => `O=${name}`), `CN=${request.commonName}`];
  if (certificate.subject !== subject.join('\n')) return false;
  const present = (certificate.subjectAltName ?? '').split(', ').filter(Boolean).toSorted();
  const wanted = [
    ...(request.dnsNames ?? []).map((name) => `DNS:${name}`),
    ...(request.ipAddresses ?? []).map((ip) => `IP Address:${ip}`),
  ].toSorted();
  return present.join() === wanted.join();
}

const subjectOf = ({ commonName, organizations = [] }: CertificateRequest) => [
  ...organizations.map((organization) => ({ O: [organization] })),
  { CN: [commonName] },
];

const serial = (world: World): string => {
  const bytes = Buffer.from(world.random.bytes(16));
  // Positive, and never with a leading zero byte.
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40;
  return bytes.toString('hex');
};

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  return pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', key));
}

function importKey(text: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(text.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

const pem = (label: string, der: ArrayBuffer): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .replaceAll(/(.{64})/g, '$1\n')
    .trimEnd()}\n-----END ${label}-----\n`;

async function readPair(world: World, directory: string, name: string): Promise<TlsIdentity | undefined> {
  const [cert, key] = await Promise.all([
    world.disk.readText(join(directory, `${name}.crt`)),
    world.disk.readText(join(directory, `${name}.key`)),
  ]);
  return cert !== undefined && key !== undefined ? { cert, key } : undefined;
}

async function writePair(world: World, directory: string, name: string, pair: TlsIdentity): Promise<TlsIdentity> {
  await world.disk.write(join(directory, `${name}.key`), pair.key, { mode: 0o600 });
  await world.disk.write(join(directory, `${name}.crt`), pair.cert, { mode: 0o600 });
  return pair;
}
