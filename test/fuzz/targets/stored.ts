/** What is read from files, stores and certificates: encryption, continue tokens, certificate requests, kubeconfigs, settings. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readElements, oidText } from '#api/certificates/der.ts';
import { parseCertificate } from '#api/certificates/certificatesigningrequest-validation.ts';
import { pemBlocks } from '#api/certificates/pem.ts';
import { parseRequest, signatureFault } from '#api/certificates/pkcs10.ts';
import { ConfigMap } from '#api/core/configmap.ts';
import { testApi, type TestApi } from '#apiserver/test-api.ts';
import { readBackupSettings } from '#cluster/backup/settings.ts';
import { mergeKubeconfig, unmergeKubeconfig } from '#cluster/kubeconfig.ts';
import { ApiError } from '#meta/status.ts';
import { parseEncryptionConfiguration } from '#store/encryption/configuration.ts';
import { startKmsProvider, type KmsProvider } from '#store/encryption/kms.ts';
import { TransformationMetrics } from '#store/encryption/metrics.ts';
import { startRules, type Rules } from '#store/encryption/rules.ts';
import { configurationText, testWorld } from '#store/encryption/test-encryption.ts';
import { headerOf } from '#store/encryption/transformer.ts';
import { lazy } from './lazy.ts';
import { machineWith } from './images.ts';
import type { Target } from '../target.ts';

const rules = lazy((): Promise<Rules> =>
  startRules(
    testWorld,
    parseEncryptionConfiguration(configurationText('secretbox sb1=a; aesgcm gcm1=b; aescbc cbc1=c; identity')),
    new TransformationMetrics(),
  ),
);

/** A KMS that keeps no secret: a seed that it has sealed is the seed. */
const kms = lazy((): Promise<KmsProvider> =>
  startKmsProvider(testWorld, 'mykms', {
    status: async () => ({ version: 'v2', healthz: 'ok', keyId: 'one' }),
    encrypt: async (plain) => ({ ciphertext: Buffer.from(plain), keyId: 'one', annotations: {} }),
    decrypt: async ({ ciphertext }) => Buffer.from(ciphertext),
  }),
);

const api = lazy(async (): Promise<TestApi> => {
  const started = await testApi();
  for (const name of ['a', 'b', 'c'])
    await started.client.create(ConfigMap, { metadata: { name, namespace: 'default' } });
  return started;
});

export const storedTargets: readonly Target[] = [
  // A configuration is refused with an Error that lists what is wrong; bad YAML in it is an ApiError.
  {
    name: 'encryption-configuration',
    refuses: [Error, ApiError],
    run: (bytes) => void parseEncryptionConfiguration(bytes.toString('utf8')),
  },
  {
    name: 'encrypted-value',
    refuses: [Error],
    async run(bytes) {
      headerOf(bytes);
      const transformer = (await rules()).of({ group: '', resource: 'secrets' });
      await transformer?.open(bytes, '/registry/secrets/default/a');
    },
  },
  {
    name: 'kms-envelope',
    refuses: [Error],
    async run(bytes) {
      await (await kms()).open(bytes, '/registry/secrets/default/a');
    },
  },
  {
    name: 'continue-token',
    refuses: [ApiError],
    async run(bytes) {
      const token = bytes.toString('base64url');
      if (token === '') return;
      const { items } = await (await api()).client.list(ConfigMap, { namespace: 'default', continue: token });
      assert.ok(
        items.every(({ metadata }) => metadata.namespace === 'default'),
        'a token left its namespace',
      );
    },
  },
  {
    name: 'pem',
    refuses: [],
    run(bytes) {
      for (const { der } of pemBlocks(bytes.toString('utf8'))) parseCertificate(der);
    },
  },
  {
    name: 'certificate-request',
    refuses: [],
    run(bytes) {
      const request = parseRequest(bytes);
      if (typeof request !== 'string') signatureFault(bytes, request);
      for (const { tag, content } of readElements(bytes) ?? []) if (tag === 6) oidText(content);
      const certificate = parseCertificate(bytes);
      assert.ok(certificate === undefined || certificate instanceof X509Certificate);
    },
  },
  {
    name: 'kubeconfig',
    refuses: [Error, ApiError],
    async run(bytes) {
      const path = '/home/.kube/config';
      const world = await machineWith({ [path]: bytes });
      const access = { name: 'k8ts', server: 'https://localhost:6443', ca: 'ca', identity: { cert: 'c', key: 'k' } };
      await mergeKubeconfig(world, path, access);
      // What was merged can be merged and taken out again.
      await mergeKubeconfig(world, path, access);
      await unmergeKubeconfig(world, path, access);
    },
  },
  {
    name: 'backup-settings',
    refuses: [Error],
    async run(bytes) {
      await readBackupSettings(await machineWith({ '/backup.json': bytes }), '/backup.json');
    },
  },
];

/** Ends what the targets have started. */
export async function endTargets(): Promise<void> {
  for (const started of [rules, kms, api]) await started.started()?.then((one) => one[Symbol.asyncDispose]());
}
