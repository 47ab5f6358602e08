/**
 * One object of every kind that is stored, from `manifests/`: what the real clients write and read. A kind without a manifest fails here, before
 * any client runs.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { allKinds, kindOf, type AnyKind } from '#api/kinds.ts';
import { authority, ed25519Request, pem } from '#api/certificates/test-certificates.ts';
import { parseYamlBody } from '#meta/yaml.ts';
import { apiVersionOf } from '#schema/kind.ts';

export interface Sample {
  readonly kind: AnyKind;
  readonly name: string;
  readonly namespace: string | undefined;
  /** `deployments.v1.apps`, as kubectl takes it; `configmaps` for core. */
  readonly resource: string;
  /** `deployment.apps/every`, as kubectl prints it. */
  readonly printed: string;
  readonly yaml: string;
}

const words: Readonly<Record<string, string>> = {
  '<request>': Buffer.from(pem('CERTIFICATE REQUEST', ed25519Request)).toString('base64'),
  '<bundle>': JSON.stringify(pem('CERTIFICATE', authority)),
  '<stub>': ed25519Request,
};

interface Typed {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

function sampleOf(yaml: string): Sample {
  const [object] = parseYamlBody(yaml).documents as Typed[];
  assert.ok(object, yaml);
  const [version = '', group = ''] = object.apiVersion.split('/').toReversed();
  const kind = kindOf(group, version, object.kind);
  assert.ok(kind, `${object.apiVersion} ${object.kind} is no kind`);
  const { name, namespace } = object.metadata;
  return {
    kind,
    name,
    namespace,
    resource: group ? `${kind.plural}.${version}.${group}` : kind.plural,
    printed: `${kind.kind.toLowerCase()}${group ? `.${group}` : ''}/${name}`,
    yaml,
  };
}

const folder = fileURLToPath(new URL('manifests', import.meta.url));

/** In an order in which they can be created. */
export const everyKind: readonly Sample[] = globSync('*.yaml', { cwd: folder })
  .toSorted()
  .flatMap((file) => readFileSync(join(folder, file), 'utf8').split(/^---$/m))
  .map((text) => sampleOf(text.trim().replace(/<\w+>/, (word) => words[word] ?? word)));

const covered = new Set(everyKind.map(({ kind }) => kind));
for (const kind of allKinds)
  assert.ok(covered.has(kind) || !kind.verbs.includes('update'), `no manifest of ${apiVersionOf(kind)} ${kind.kind}`);

/** They in one file, a document each. */
export const manifestOf = (samples: readonly Sample[]): string =>
  `${samples.map(({ yaml }) => yaml).join('\n---\n')}\n`;

export const everyManifest = manifestOf(everyKind);
