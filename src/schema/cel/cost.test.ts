import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from './check.ts';
import { estimateCost } from './cost.ts';
import { sizesOf } from './declared-size.ts';
import { declaredList, declaredMap, declaredObject, objectsOf, scalar, type DeclaredType } from './declared-type.ts';
import { readType } from './declare.ts';
import { extended } from './environment.ts';
import { formatErrors } from './errors.ts';
import { UNBOUNDED, type Estimate } from './estimate.ts';
import { kubernetesEnvironment } from './kubernetes.ts';
import { bindMacros } from './macros.ts';
import { kubernetesMacros, parse } from './parse.ts';
import { intType, stringType } from './types.ts';

const text = (lengthMax: number): DeclaredType => scalar(stringType, { elementsMax: lengthMax });
const inner = declaredObject('Inner', { name: text(63), n: scalar(intType) });
const self = declaredObject('Self', {
  name: text(30),
  free: text(-1),
  count: scalar(intType),
  items: declaredList(text(20), 10),
  unbounded: declaredList(inner),
  inners: declaredList(inner, 7),
  ints: declaredList(scalar(intType), 50),
  labels: declaredMap(text(25), 12, text(15)),
  inner,
});
const types = {
  x: 'dyn',
  s: 'string',
  b: 'bytes',
  l: 'list(string)',
  m: 'map(string, int)',
  authorizer: 'kubernetes.authorization.Authorizer',
};
const environment = extended(kubernetesEnvironment('new'), {
  variables: {
    self: self.type,
    ...Object.fromEntries(Object.entries(types).map(([name, type]) => [name, readType(type)])),
  },
  objects: [objectsOf([self])],
});

function costOf(source: string): Estimate {
  const parsed = parse(source, { macros: [...kubernetesMacros, ...bindMacros] });
  assert('parsed' in parsed, source);
  const result = check(parsed.parsed, environment);
  assert('checked' in result, 'errors' in result ? formatErrors(result.errors, source) : '');
  return estimateCost(result.checked, { sizeOf: sizesOf({ self }) });
}

/** Upstream's estimates with the sizes above; what is so large that it is not exact is near them. */
const costs: readonly (readonly [source: string, min: number, max: number])[] = [
  ['self.items.all(x, x.startsWith("a"))', 3, 53],
  ['self.items.exists(x, x == self.name)', 3, 93],
  ['self.inners.map(i, i.name).exists(n, n.contains("x"))', 14, 196],
  ['self.labels.all(k, k.size() < 5 && self.labels[k].matches("^a.*b$"))', 3, 195],
  ['self.labels.transformList(k, v, k + v)', 13, 229],
  ['self.labels.transformMap(k, v, v + "x")', 33, 117],
  ['self.items.transformMapEntry(i, v, {v: i})', 33, 373],
  ['self.items[0] == self.items[1]', 7, 8],
  ['self.unbounded.all(u, self.unbounded.exists(v, v.name == u.name))', 3, UNBOUNDED],
  ['self.ints.sum() > 5', 3, 53],
  ['self.items.isSorted()', 2, 32],
  ['self.items.indexOf("a")', 2, 32],
  ['self.items.join(",")', 2, 23],
  ['self.items.join()', 2, 22],
  ['self.name.split(",").map(p, p.trim())', 13, UNBOUNDED],
  ['self.name.split(",", 3)', 2, 8],
  ['self.name.replace("a", "bcd")', 2, 8],
  ['self.name.replace("", "bcd")', 2, 8],
  ['self.name.replace(self.free, self.name).size()', 7, 13],
  ['self.free.replace("ab", "c").upperAscii().lowerAscii()', 2, 7.378697629483821e18],
  ['self.name.find("[a-z]+")', 4, 10],
  ['self.name.findAll("[a-z]+", 2)', 4, 10],
  ['url(self.name).getHost() == "a"', 4, 7],
  ['url(self.name) == url(self.free)', 5, 3.6893488147419105e18],
  ['isURL(self.name)', 3, 3],
  ['ip(self.name) == ip("1.2.3.4")', 4, 7],
  ['cidr("10.0.0.0/8").containsIP(self.name)', 4, 10],
  ['cidr("10.0.0.0/8").containsIP(ip(self.name))', 4, 10],
  ['cidr("10.0.0.0/8").containsCIDR(self.name)', 6, 13],
  ['cidr("10.0.0.0/8").containsCIDR(cidr(self.name))', 6, 13],
  ['cidr(self.name).ip() == ip("1.1.1.1")', 5, 8],
  ['ip.isCanonical(self.name)', 2, 8],
  ['quantity(self.name).isLessThan(quantity("1Gi"))', 4, 7],
  ['quantity(self.name) == quantity("1")', 4, 7],
  ['semver(self.name).major() == 1', 4, 7],
  ['isSemver(self.free)', 2, 1.8446744073709553e18],
  ['format.dns1123Label().validate(self.name).hasValue()', 4, 100],
  ['format.named("dns1123Label").value() == format.dns1123Label()', 4, 10],
  ['authorizer.group("apps").resource("deployments").check("create").allowed()', 350004, 350004],
  [
    'authorizer.path("/x").check("get").allowed() && authorizer.serviceAccount("a","b").path("/y").check("get").reason() == "x"',
    350003,
    700008,
  ],
  [
    'authorizer.group("").resource("pods").labelSelector("a=b").fieldSelector(s).check("get").allowed()',
    350126,
    UNBOUNDED,
  ],
  ['sets.contains(self.items, ["a", "b"])', 13, 33],
  ['sets.equivalent(self.ints, [1, 2])', 13, 213],
  ['sets.intersects(l, self.items)', 4, UNBOUNDED],
  ['self.items.slice(1, 3)', 15, 15],
  ['self.items.slice(3, 1)', UNBOUNDED, UNBOUNDED],
  ['self.ints.sort()', 13, 5013],
  ['self.items.sort()', 13, 223],
  ['self.inners.sortBy(i, i.name)', 36, 237],
  ['self.inners.sortBy(i, i.n)', 36, 232],
  ['self.items.distinct().size()', 14, 214],
  ['self.items.reverse()', 13, 23],
  ['lists.range(5).map(i, i * 2)', 97, 97],
  ['lists.range(self.count)', UNBOUNDED, UNBOUNDED],
  ['[[1], [2, 3]].flatten()', 43, 43],
  ['[[1], [2, 3]].flatten(3)', 47, 47],
  ['has(self.name) && has(self.inner.name)', 1, 3],
  ['self.?name.orValue("x") == "y"', 4, 4],
  ['self.labels[?"a"].orValue("b").size()', 5, 5],
  ['self.inner.?name.optMap(n, n + "x").orValue("")', 6, 1.8446744073709553e18],
  ['dyn(self.items).all(x, x == "a")', 4, 54],
  ['x.a.b.c == 1', 2, 2],
  ['x.all(y, y > 1)', 2, UNBOUNDED],
  ['x.exists(y, y.z in self.items)', 2, UNBOUNDED],
  ['s in l', 2, UNBOUNDED],
  ['self.name in self.items', 4, 14],
  ['"a" in self.labels', 3, 3],
  ['"%s is %d".format([self.name, 1])', 13, 13],
  ['bytes(self.name) == b', 4, 18],
  ['string(b) == self.name', 4, 1.8446744073709553e18],
  ['strings.quote(self.name).size() > 3', 4, 7],
  ['strings.quote(s) == self.name', 3, 1.8446744073709553e18],
  ['b + b == b', 4, 3.6893488147419105e18],
  ['s + s < s + s', 5, 5.534023222112866e18],
  ['self.name < self.free', 5, 7],
  ['self.count > 1 ? self.name : self.free', 5, 5],
  ['(self.count > 1 ? self.items : ["a"]).all(x, x == "b")', 6, 64],
  ['(self.items + ["abc"]).all(x, x.contains(self.name))', 17, UNBOUNDED],
  ['[self.name, self.free].map(x, x + "y")', 53, 3.6893488147419105e18],
  ['{"a": self.name, "b": "c"}.all(k, k == "a")', 39, 43],
  ['{"a": self.name, "b": "c"}["a"].contains("x")', 33, 36],
  ['[1, 2, 3].map(x, [x, x]).map(y, y.size())', 146, 146],
  ['self.items.filter(x, x != "").map(x, x + x).all(x, x.matches(self.name))', 25, 805],
  ['cel.bind(v, self.items, v.all(x, v.exists(y, y == x)))', 14, 864],
  ['cel.bind(v, self.name + "a", v + v) == "a"', 17, 26],
  ['timestamp("2020-01-01T00:00:00Z") < timestamp(self.name)', 5, 5],
  ['duration("1h") + duration("2h") > duration(s)', 6, 6],
  ['self == self', 2, 2],
  ['self.inner == self.inner', 4, 4],
  ['self.inners == self.inners', 5, 5],
  ['self.labels == self.labels', 5, 6],
  ['type(self.name) == string', 5, 1.8446744073709553e18],
  ['self.name.charAt(1)', 3, 3],
  ['self.name.substring(1, 2).lastIndexOf("a")', 2, 8],
  ['self.items.lastIndexOf("b")', 2, 32],
  ['l.max() == l.min()', 3, UNBOUNDED],
  ['self.ints.max()', 2, 52],
  ['int(self.name) + 1 == 2', 5, 5],
  ['uint(3) == 3u', 2, 2],
  ['!(self.count > 3) || self.count < 1 && self.count != 2', 4, 9],
  ['-self.count < 0', 4, 4],
  ['self.items.all(i, v, i < 3 && v == "a")', 3, 73],
  ['self.labels.exists(k, v, k == v)', 3, 99],
  ['self.labels.existsOne(k, v, k == v)', 4, 76],
  ['self.items.exists_one(v, v == "a")', 4, 44],
  ['optional.of(self.name).hasValue()', 4, 4],
  ['[?self.?name]', 12, 12],
  ['{?"a": self.?name}', 32, 32],
  ['self.items.map(x, x.size() > 1, x)', 13, 173],
  ['"a".matches("")', 0, 0],
  ['"".matches(s)', 1, 4.611686018427388e18],
  ['matches(self.name, "a+")', 3, 6],
];

test('an expression is estimated to cost what upstream estimates', () => {
  for (const [source, min, max] of costs) {
    const cost = costOf(source);
    assert.equal(cost.min, min, source);
    assert(Math.abs(cost.max - max) <= max * 1e-12, `${source}: ${cost.max} is not ${max}`);
  }
});

test('values of some maps have a size by name too', () => {
  const value = text(5);
  const device = declaredObject('Device', {
    attributes: declaredMap(declaredMap(value)),
    labels: declaredMap(text(9)),
  });
  const sizeOf = sizesOf({ device }, value);
  const size = (...path: readonly string[]): number | undefined => sizeOf({ path, type: stringType })?.max;
  assert.equal(size('device', 'attributes', '@values', 'model'), 5);
  assert.equal(size('device', 'labels', '@values'), 9);
  assert.equal(size('device', 'labels', 'a'), undefined);
  assert.equal(size('other'), undefined);
  assert.equal(sizeOf({ path: undefined, type: stringType }), undefined);
});
