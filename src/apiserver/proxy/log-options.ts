/**
 * The options of pods/log as a URL has them: read as upstream reads them, judged with its words, and named as the kubelet knows them.
 */
import { invalid, badRequest, type Cause } from '#meta/status.ts';
import { parseTime } from '#meta/time.ts';

export interface LogQuery {
  readonly container: string | null;
  /** What the kubelet is asked. */
  readonly query: URLSearchParams;
  readonly insecure: boolean;
}

const int64Max = 2n ** 63n - 1n;
const streams = ['All', 'Stderr', 'Stdout'];

/** Throws BadRequest for what cannot be read, Invalid with every cause for what makes no sense. */
export function readLogOptions(query: URLSearchParams, pod: string): LogQuery {
  const out = new URLSearchParams();
  for (const name of ['follow', 'previous', 'timestamps']) if (flag(query.get(name))) out.set(name, 'true');
  const tailLines = integer(query.get('tailLines'));
  const sinceSeconds = integer(query.get('sinceSeconds'));
  const limitBytes = integer(query.get('limitBytes'));
  const sinceTime = time(query.get('sinceTime'));
  const stream = query.get('stream') ?? 'All';
  const causes: Cause[] = [];
  if (tailLines !== undefined && tailLines < 0n)
    causes.push(wrong('tailLines', tailLines, 'must be greater than or equal to 0'));
  if (limitBytes !== undefined && limitBytes < 1n)
    causes.push(wrong('limitBytes', limitBytes, 'must be greater than 0'));
  if (sinceSeconds !== undefined && sinceTime !== undefined)
    causes.push(forbidden('at most one of `sinceTime` or `sinceSeconds` may be specified'));
  else if (sinceSeconds !== undefined && sinceSeconds < 1n)
    causes.push(wrong('sinceSeconds', sinceSeconds, 'must be greater than 0'));
  if (!streams.includes(stream))
    causes.push({
      reason: 'FieldValueNotSupported',
      field: 'stream',
      message: `Unsupported value: ${JSON.stringify(stream)}: supported values: ${streams.map((each) => `"${each}"`).join(', ')}`,
    });
  if (stream !== 'All' && tailLines !== undefined)
    causes.push(forbidden('`tailLines` and specific `stream` are mutually exclusive for now'));
  if (causes.length > 0) throw invalid({ group: '', kind: 'PodLogOptions' }, pod, causes);
  for (const [name, value] of Object.entries({ tailLines, sinceSeconds, limitBytes, sinceTime }))
    if (value !== undefined) out.set(name, String(value));
  if (stream !== 'All') out.set('stream', stream);
  return { container: query.get('container'), query: out, insecure: flag(query.get('insecureSkipTLSVerifyBackend')) };
}

const wrong = (field: string, value: bigint, why: string): Cause => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${value}: ${why}`,
});

/** Of several options together: upstream's path for that is an empty index. */
const forbidden = (why: string): Cause => ({
  reason: 'FieldValueForbidden',
  field: '[]',
  message: `Forbidden: ${why}`,
});

/** Present and not `false` or `0`. */
const flag = (text: string | null): boolean => text !== null && text !== '0' && text.toLowerCase() !== 'false';

function integer(text: string | null): bigint | undefined {
  if (text === null || text === '') return undefined;
  const failed = (why: string): Error => badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: ${why}`);
  if (!/^[+-]?\d+$/.test(text)) throw failed('invalid syntax');
  const value = text.length > 40 ? int64Max + 1n : BigInt(text.replace(/^\+/, ''));
  if (value > int64Max || value < -int64Max - 1n) throw failed('value out of range');
  return value;
}

function time(text: string | null): string | undefined {
  if (text === null || text === '' || text === 'null') return undefined;
  if (parseTime(text) === undefined)
    throw badRequest(
      `parsing time ${JSON.stringify(text)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(text)} as "2006"`,
    );
  return text;
}
