import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  milliValue,
  parseQuantity,
  quantityError,
  quantityFormatError,
  quantityOf,
  quantitySuffixError,
  quantityValue,
} from './quantity.ts';

const read = (text: string) => parseQuantity(text) ?? assert.fail(`${text} is a quantity`);

test('quantities are spelled as upstream spells them', () => {
  const spelled: Record<string, string> = {
    '0': '0',
    '0.5': '500m',
    '0.1': '100m',
    '100m': '100m',
    '1000m': '1',
    '1500m': '1500m',
    '1000': '1k',
    '1024Mi': '1Gi',
    '1536Mi': '1536Mi',
    '0.5Gi': '512Mi',
    '1.5Gi': '1536Mi',
    '512': '512',
    '1e3': '1e3',
    '12e6': '12e6',
    '2k': '2k',
    '-0.5': '-500m',
    '0.0000000001': '1n',
    '100Mi': '100Mi',
    '1000Mi': '1000Mi',
    '2048Ki': '2Mi',
    '1E': '1E',
    '0Gi': '0',
    '1.500': '1.500',
    '1.1': '1100m',
    '0.5Ki': '512',
    '16Ei': '9223372036854775807',
  };
  for (const [text, expected] of Object.entries(spelled)) assert.equal(canonicalQuantity(text), expected, text);
});

test('what is no quantity is refused in upstream’s words', () => {
  for (const text of ['', 'abc', '1x', '1.1.1', '1 Gi', '--1', '.'])
    assert.equal(quantityError(text), quantityFormatError, text);
  for (const text of ['1KK', '1iM', '1K', '1e', '1e999999999'])
    assert.equal(quantityError(text), quantitySuffixError, text);
  assert.equal(parseQuantity('1KK'), undefined);
  assert.equal(quantityError('1Gi'), undefined);
});

test('values are rounded away from zero', () => {
  assert.equal(quantityValue(read('100m')), 1);
  assert.equal(quantityValue(read('1Gi')), 1073741824);
  assert.equal(milliValue(read('1u')), 1);
  assert.equal(milliValue(read('2')), 2000);
  assert.equal(quantityValue(read('-1500m')), -2);
});

test('sums keep the format of the first that is not zero', () => {
  assert.equal(addQuantities(read('1Gi'), read('512Mi')).text, '1536Mi');
  assert.equal(addQuantities(read('0'), read('1Gi')).text, '1Gi');
  assert.equal(addQuantities(read('100m'), read('1900m')).text, '2');
  assert.equal(compareQuantities(read('1000m'), read('1')), 0);
  assert.equal(compareQuantities(read('1Ki'), read('1k')), 1);
});

test('the spelling of any amount reads back as the same amount', () => {
  fc.assert(
    fc.property(
      fc.bigInt(-(10n ** 27n), 10n ** 27n),
      fc.constantFrom('DecimalSI', 'BinarySI', 'DecimalExponent'),
      (nano, format) => {
        const { text } = quantityOf(nano, format as 'DecimalSI');
        assert.equal(read(text).nano, nano, text);
        assert.equal(canonicalQuantity(canonicalQuantity(text) ?? ''), canonicalQuantity(text));
      },
    ),
  );
});
