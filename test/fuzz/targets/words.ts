/** The small languages: selectors, quantities, schedules, times, addresses, paths, and what stands in URLs and headers. */
import assert from 'node:assert/strict';
import { listOptions, watchOptions, writeOptions } from '#apiserver/http/options.ts';
import { acceptable, formOf } from '#apiserver/http/negotiate.ts';
import { webSocketToken } from '#apiserver/authn/websocket-token.ts';
import { readLogOptions } from '#apiserver/proxy/log-options.ts';
import { LinkRewriter, rewrittenUrl } from '#apiserver/proxy/links.ts';
import { route } from '#apiserver/route.ts';
import { addressAt, addressCount, formatCidr, formatIp, network, parseCidr, parseIp } from '#base/cidr.ts';
import { formatDuration, parseDuration } from '#base/duration.ts';
import { goQuote } from '#base/go-quote.ts';
import { parseIndexes } from '#controllers/job/indexes.ts';
import { nextTime, parseCron } from '#meta/cron.ts';
import { canonicalIp, cidrRange, ipAddress, ipWarnings } from '#meta/ip.ts';
import {
  formatFieldSelector,
  formatSelector,
  matches,
  parseFieldSelector,
  parseLabelSelector,
} from '#meta/selector.ts';
import { addQuantities, canonicalQuantity, milliValue, parseQuantity, quantityError } from '#meta/quantity.ts';
import { ApiError } from '#meta/status.ts';
import { canonicalMicroTime, canonicalTime, parseTime } from '#meta/time.ts';
import * as names from '#meta/names.ts';
import { parseJsonPath, valuesAt } from '#schema/json-path.ts';
import { compileProgram } from '#schema/cel/compile.ts';
import { kubernetesEnvironment } from '#schema/cel/kubernetes.ts';
import { printType } from '#schema/cel/types.ts';
import type { Target } from '../target.ts';

/** A target of texts. */
const text = (name: string, refuses: Target['refuses'], run: (text: string) => void | Promise<void>): Target => ({
  name,
  refuses,
  run: (bytes) => run(bytes.toString('utf8')),
});

const nameChecks: readonly ((text: string) => readonly string[])[] = [
  names.dns1123Label,
  names.dns1123SubdomainWithUnderscore,
  names.dns1123Subdomain,
  names.dns1035Label,
  names.wildcardDns1123Subdomain,
  names.labelKey,
  names.labelValue,
  names.portName,
  names.percent,
  names.httpHeaderName,
  names.relaxedEnvVarName,
  names.configMapKey,
  names.pathSegment,
  names.cIdentifier,
];

const object = { a: [{ name: 'x', value: { b: [1, true, 'two'] } }], 'b.c': { d: 'e' } };

export const wordTargets: readonly Target[] = [
  text('label-selector', [ApiError], (input) => {
    const selector = parseLabelSelector(input);
    const shown = formatSelector(selector);
    assert.equal(formatSelector(parseLabelSelector(shown)), shown);
    matches(selector, { a: 'b', tier: 'front' });
  }),
  text('field-selector', [ApiError], (input) => {
    const shown = formatFieldSelector(parseFieldSelector(input));
    assert.equal(formatFieldSelector(parseFieldSelector(shown)), shown);
  }),
  text('quantity', [], (input) => {
    const quantity = parseQuantity(input);
    assert.equal(quantityError(input) === undefined, quantity !== undefined);
    if (quantity === undefined) return;
    const spelled = canonicalQuantity(input) as string;
    assert.equal(canonicalQuantity(spelled), spelled);
    assert.equal(parseQuantity(spelled)?.nano, quantity.nano);
    addQuantities(quantity, quantity);
    assert.ok(!Number.isNaN(milliValue(quantity)));
  }),
  text('cron', [], (input) => {
    const parsed = parseCron(input);
    if (!('schedule' in parsed)) return;
    const next = nextTime(parsed.schedule, 1_760_000_000_000);
    if (next !== undefined) assert.ok(next > 1_760_000_000_000 || parsed.schedule.is === 'every');
  }),
  text('cel', [], (input) => {
    const compiled = compileProgram(input, kubernetesEnvironment('new'), () => undefined);
    if ('fault' in compiled) assert.match(compiled.fault, /^(?:compilation|program instantiation) failed: \S/);
    else assert.notEqual(printType(compiled.checked.type), 'error');
  }),
  text('duration', [RangeError], (input) => {
    const ms = parseDuration(input);
    // Beyond 2^53 nanoseconds a number of milliseconds rounds.
    if (Math.abs(ms) < 9e9) assert.ok(Math.abs(parseDuration(formatDuration(ms)) - ms) < 1e-6);
  }),
  text('time', [], (input) => {
    const spelled = canonicalTime(input);
    if (spelled !== undefined) {
      assert.equal(canonicalTime(spelled), spelled);
      assert.ok(Number.isFinite(parseTime(spelled)));
    }
    const micros = canonicalMicroTime(input);
    if (micros !== undefined) assert.equal(canonicalMicroTime(micros), micros);
  }),
  text('address', [], (input) => {
    const ip = parseIp(input);
    if (ip) assert.equal(parseIp(formatIp(ip))?.value, ip.value);
    const cidr = parseCidr(input);
    if (cidr) {
      assert.deepEqual(parseCidr(formatCidr(cidr)), cidr);
      const whole = network(cidr);
      assert.ok(addressAt(whole, addressCount(whole) - 1n) && !addressAt(whole, addressCount(whole)));
    }
    const spelled = canonicalIp(input);
    if (spelled !== undefined) assert.equal(canonicalIp(spelled), spelled);
    ipAddress(input, { canonicalOnly: true });
    ipWarnings(input);
    cidrRange(input, { canonicalOnly: true });
  }),
  text('name', [], (input) => {
    for (const check of nameChecks) assert.ok(check(input).every((message) => typeof message === 'string'));
    assert.ok(goQuote(input).startsWith('"'));
  }),
  text('json-path', [], (input) => {
    const path = parseJsonPath(input);
    if (path) assert.ok(valuesAt(path, object).length <= 100);
  }),
  text('indexes', [], (input) => void parseIndexes(input, 100)),
  text('url', [URIError, ApiError], (input) => {
    for (const method of ['GET', 'PATCH', 'DELETE', 'BREW']) {
      const way = route(method, input);
      for (const read of [listOptions, watchOptions, writeOptions])
        try {
          read(way);
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
        }
      readLogOptions(way.query, 'pod');
    }
  }),
  text('accept', [ApiError], (input) => {
    acceptable(input, 'watch');
    acceptable(input, 'document');
    formOf(input, 'resource');
  }),
  text('websocket-token', [ApiError], (input) => {
    webSocketToken({ upgrade: 'websocket', 'sec-websocket-protocol': input });
  }),
  {
    name: 'proxied-html',
    refuses: [],
    async run(bytes) {
      const links = { prefix: '/api/v1/namespaces/a/pods/b/proxy', backend: '10.0.0.1:80', asked: 'localhost:6443' };
      rewrittenUrl(bytes.toString('latin1'), links);
      // In pieces, as it comes from a network, and whole.
      const through = async (size: number): Promise<Buffer> => {
        const rewriter = new LinkRewriter((url) => rewrittenUrl(url, links));
        for (let at = 0; at < bytes.length; at += size) rewriter.write(bytes.subarray(at, at + size));
        rewriter.end();
        return Buffer.concat(await rewriter.toArray());
      };
      const [pieces, whole] = [await through(7), await through(64 * 1024)];
      assert.ok(pieces.equals(whole), 'pieces make another page than the whole');
      assert.ok(whole.length <= bytes.length * (links.prefix.length + 8) + 1024);
    },
  },
];
