/**
 * A throw-away certificate authority for tests of the network: one CA, server certificates for loopback, client certificates
 * with any subject. Never used outside tests; the cluster's real PKI lives in cluster/.
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  cryptoProvider,
} from '@peculiar/x509';
import type { TlsIdentity } from '../world.ts';

cryptoProvider.set(webcrypto as never);

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dates = { notBefore: new Date('2020-01-01'), notAfter: new Date('2120-01-01') };

export interface TestPki {
  readonly ca: string;
  /** A certificate for localhost, 127.0.0.1 and ::1. */
  server(): Promise<TlsIdentity>;
  client(subject: { commonName: string; organizations?: readonly string[] }): Promise<TlsIdentity>;
}

export async function testPki(name = 'test ca'): Promise<TestPki> {
  const caKeys = await keyPair();
  const ca = await X509CertificateGenerator.createSelfSigned({
    ...dates,
    serialNumber: '01',
    name: `CN=${name}`,
    keys: caKeys,
    signingAlgorithm: algorithm,
    extensions: [new BasicConstraintsExtension(true, 1, true)],
  });
  let serial = 2;
  const issue = async (
    subject: readonly Record<string, string[]>[],
    extensions: Parameters<typeof X509CertificateGenerator.create>[0]['extensions'] & object,
  ): Promise<TlsIdentity> => {
    const keys = await keyPair();
    const certificate = await X509CertificateGenerator.create({
      ...dates,
      serialNumber: (serial++).toString(16).padStart(2, '0'),
      subject: [...subject],
      issuer: ca.subject,
      publicKey: keys.publicKey,
      signingKey: caKeys.privateKey,
      signingAlgorithm: algorithm,
      extensions,
    });
    const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    const body = Buffer.from(pkcs8).toString('base64').replace(/.{64}/g, '$&\n');
    return {
      cert: certificate.toString('pem'),
      key: `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`,
    };
  };
  return {
    ca: ca.toString('pem'),
    server: () =>
      issue(
        [{ CN: ['server'] }],
        [
          new SubjectAlternativeNameExtension([
            { type: 'dns', value: 'localhost' },
            { type: 'ip', value: '127.0.0.1' },
            { type: 'ip', value: '::1' },
          ]),
          new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
        ],
      ),
    client: ({ commonName, organizations = [] }) =>
      issue(
        [...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }],
        [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])],
      ),
  };
}

async function keyPair(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}
