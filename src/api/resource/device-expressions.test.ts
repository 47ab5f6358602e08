import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quoted } from '#meta/causes.ts';
import { deviceClaimCauses } from './device-claim-validation.ts';
import { selectorExpressionCauses } from './device-expressions.ts';

/** Each selector with the first line of what upstream says of it, or nothing. */
const selectors: readonly (readonly [source: string, fault: string | undefined])[] = [
  ['device.driver == "a" && device.allowMultipleAllocations', undefined],
  ['device.attributes["example.com"].model == "x"', undefined],
  ['device.attributes["example.com"].healthy', undefined],
  ['device.capacity["example.com"].memory.compareTo(quantity("1Gi")) >= 0', undefined],
  ['cel.bind(own, device.attributes["example.com"], own.a && own.b == 1)', undefined],
  ['device.driver', 'must evaluate to bool or the unknown type, not string'],
  [
    'device.attributes["example.com"]',
    'must evaluate to bool or the unknown type, not map(string, google.protobuf.Any)',
  ],
  [
    'device.capacity["a"]["b"] > 1',
    "compilation failed: ERROR: <input>:1:27: found no matching overload for '_>_' applied to '(kubernetes.Quantity, int)'",
  ],
  ['device.model', "compilation failed: ERROR: <input>:1:7: undefined field 'model'"],
  ['object.x', "compilation failed: ERROR: <input>:1:1: undeclared reference to 'object' (in container '')"],
];

test('a selector is about a device, and true, false or an attribute', () => {
  for (const [source, fault] of selectors) {
    const [cause] = selectorExpressionCauses('a', source);
    const wanted = fault && `Invalid value: ${quoted(source)}: ${fault}`;
    assert.equal(cause?.message.split('\n', 1)[0], wanted, source);
  }
});

test('a selector costs little', () => {
  const nested =
    'device.attributes.all(a, device.attributes.all(b, device.attributes.all(c, device.attributes.all(d, a == b || c == d))))';
  assert.deepEqual(
    [...selectorExpressionCauses('a', nested)].map(({ message }) => message),
    ['Forbidden: too complex, exceeds cost limit'],
  );
});

test('the expressions of one claim have a limit together', () => {
  const selector = { cel: { expression: `true${' '.repeat(10_000)}` } };
  const causes = (count: number): readonly string[] => {
    const selectors = Array.from({ length: count }, () => selector);
    const requests = [{ name: 'r', exactly: { deviceClassName: 'a', allocationMode: 'All', selectors } }];
    return [...deviceClaimCauses('spec.devices', { requests } as never)].map(({ message }) => message);
  };
  assert.deepEqual(causes(13), []);
  assert.deepEqual(causes(14), ['Forbidden: all expressions together may not be more than 131072 bytes']);
});
