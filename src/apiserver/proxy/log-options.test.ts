import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isApiError } from '#meta/status.ts';
import { readLogOptions } from './log-options.ts';

const read = (query: string) => readLogOptions(new URLSearchParams(query), 'p');

test('log options reach the kubelet as they are meant', () => {
  const table: [string, string][] = [
    ['', ''],
    ['follow=true&previous=1&timestamps=false&pretty=true', 'follow=true&previous=true'],
    ['follow', 'follow=true'],
    ['follow=0', ''],
    ['tailLines=0&limitBytes=1&sinceSeconds=5', 'tailLines=0&sinceSeconds=5&limitBytes=1'],
    ['sinceTime=2026-01-02T03:04:05Z', 'sinceTime=2026-01-02T03%3A04%3A05Z'],
    ['stream=All&tailLines=3', 'tailLines=3'],
    ['stream=Stderr&limitBytes=9', 'limitBytes=9&stream=Stderr'],
  ];
  for (const [query, seen] of table) assert.equal(read(query).query.toString(), seen, query);
  assert.deepEqual([read('insecureSkipTLSVerifyBackend=true').insecure, read('').insecure], [true, false]);
  assert.equal(read('container=c').container, 'c');
});

test('log options that make no sense are refused in the words of upstream', () => {
  const refused: [string, number, string][] = [
    ['tailLines=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['limitBytes=9223372036854775808', 400, 'strconv.ParseInt: parsing "9223372036854775808": value out of range'],
    ['sinceTime=x', 400, 'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"'],
    ['tailLines=-1', 422, 'tailLines: Invalid value: -1: must be greater than or equal to 0'],
    ['limitBytes=0', 422, 'limitBytes: Invalid value: 0: must be greater than 0'],
    ['sinceSeconds=0', 422, 'sinceSeconds: Invalid value: 0: must be greater than 0'],
    [
      'sinceSeconds=1&sinceTime=2026-01-02T03:04:05Z',
      422,
      '[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    ],
    ['stream=Both', 422, 'stream: Unsupported value: "Both": supported values: "All", "Stderr", "Stdout"'],
    [
      'stream=Stdout&tailLines=1',
      422,
      '[]: Forbidden: `tailLines` and specific `stream` are mutually exclusive for now',
    ],
    [
      'tailLines=-1&limitBytes=0',
      422,
      '[tailLines: Invalid value: -1: must be greater than or equal to 0, limitBytes: Invalid value: 0: must be greater than 0]',
    ],
  ];
  for (const [query, code, message] of refused)
    assert.throws(
      () => read(query),
      (error: unknown) => {
        assert.ok(isApiError(error));
        assert.deepEqual(
          [error.code, error.message],
          [code, code === 422 ? `PodLogOptions "p" is invalid: ${message}` : message],
          query,
        );
        return true;
      },
    );
});
