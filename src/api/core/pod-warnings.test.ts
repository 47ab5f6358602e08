import assert from 'node:assert/strict';
import { test } from 'node:test';
import { written } from '../written.ts';
import { Pod } from './pod.ts';
import { PodTemplate } from './podtemplate.ts';
import { container, one, pod } from './test-pods.ts';
import { pluginCauses } from './volume-plugin-validation.ts';

test('a pod is warned about what it hides', () => {
  const draft = one({
    env: [
      { name: 'A', value: '1' },
      { name: 'A', value: '2' },
    ],
  });
  assert.deepEqual(Pod.hooks.warnings?.(written(Pod, draft), undefined), [
    'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply',
  ]);
});

test('a pod of tens of thousands of ports or files, or an endless name of an image, is judged at once', () => {
  const many = Array.from({ length: 20_000 });
  const draft = pod({
    containers: [{ ...container, image: 'A'.repeat(1_000_000), ports: many.map(() => ({ containerPort: 80 })) }],
    volumes: [
      { name: 'v', configMap: { name: 'c', items: many.map((_, index) => ({ key: 'a', path: `f${index}` })) } },
    ],
  });
  const told = Pod.hooks.warnings?.(written(Pod, draft), undefined) ?? [];
  assert.equal(told.length, 64);
  assert.equal(told[0], 'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]');
  const iqn = 'iqn.2026-01.'.repeat(80_000);
  assert.equal(
    [...pluginCauses({ at: 'spec' }, 'iscsi', { iscsi: { targetPortal: 'a', iqn, lun: 0 } } as never)].length,
    1,
  );
});

test('a template is warned that the time to end cannot be negative', () => {
  const spec = { containers: [container], terminationGracePeriodSeconds: -1 };
  const template = written(PodTemplate, { metadata: { name: 't' }, template: { spec } } as never);
  assert.deepEqual(PodTemplate.hooks.warnings?.(template, undefined), [
    'template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
  ]);
});
