import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatReference, parseReference } from './reference.ts';
import { matchingCredentials, parseChallenges } from './registry-auth.ts';

test('references are completed as Docker completes them', () => {
  const hex = 'a'.repeat(64);
  const table: Record<string, string> = {
    nginx: 'docker.io/library/nginx:latest',
    'nginx:1.27': 'docker.io/library/nginx:1.27',
    'team/app': 'docker.io/team/app:latest',
    'localhost/app': 'localhost/app:latest',
    'localhost:5000/app:v1': 'localhost:5000/app:v1',
    'k8ts.local/guestbook:v1': 'k8ts.local/guestbook:v1',
    'index.docker.io/nginx': 'docker.io/library/nginx:latest',
    '[::1]:5000/a/b': '[::1]:5000/a/b:latest',
    [`app@sha256:${hex}`]: `docker.io/library/app@sha256:${hex}`,
    [`quay.io/a/b:v2@sha256:${hex}`]: `quay.io/a/b:v2@sha256:${hex}`,
  };
  for (const [text, complete] of Object.entries(table)) assert.equal(formatReference(parseReference(text)), complete);
});

test('what is no reference is refused in the words of upstream', () => {
  for (const text of [
    '',
    'a//b',
    '-a',
    'a:',
    'a:b:c',
    '../etc',
    'a/../b',
    'a b',
    'a@sha256:12',
    'a:tag/x y',
    `${'a/'.repeat(300)}b`,
    'host:999999/a',
  ]) {
    assert.throws(() => parseReference(text), { name: 'InvalidReference' }, text);
  }
  assert.throws(() => parseReference('docker.io/library/Nginx'), {
    message: 'invalid reference format: repository name (library/Nginx) must be lowercase',
  });
  assert.throws(() => parseReference('a'.repeat(64)), /cannot specify 64-byte hexadecimal strings/);
});

test('credentials are used for their registry only, the longest match first', () => {
  const all = [
    { registry: 'https://index.docker.io/v1/' },
    { registry: 'quay.io' },
    { registry: 'quay.io/team' },
    { registry: '*.example.com' },
  ];
  const places = (text: string): string[] =>
    matchingCredentials(parseReference(text), all).map((entry) => entry.registry);
  assert.deepEqual(places('nginx'), ['https://index.docker.io/v1/']);
  assert.deepEqual(places('quay.io/team/app'), ['quay.io/team', 'quay.io']);
  assert.deepEqual(places('quay.io/teammate/app'), ['quay.io']);
  assert.deepEqual(places('r.example.com/app'), ['*.example.com']);
  assert.deepEqual(places('a.r.example.com/app'), []);
  assert.deepEqual(places('quay.io.evil.org/app'), []);
});

test('challenges are read with their quoted parameters', () => {
  assert.deepEqual(
    parseChallenges(
      'Bearer realm="https://auth.example/token",service="a, b",scope="repository:x:pull,push", Basic realm="x"',
    ),
    [
      {
        scheme: 'bearer',
        parameters: { realm: 'https://auth.example/token', service: 'a, b', scope: 'repository:x:pull,push' },
      },
      { scheme: 'basic', parameters: { realm: 'x' } },
    ],
  );
  assert.deepEqual(parseChallenges(undefined), []);
});
