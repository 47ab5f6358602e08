import assert from 'node:assert/strict';
import { test } from 'node:test';
import { etcHosts, hostnameOf, parseResolvConf, resolvConf } from './pod-files.ts';
import { podOf } from './testing.ts';

const dns = {
  clusterDns: '10.96.0.10',
  clusterDomain: 'cluster.local',
  hostResolvConf: '# mine\nnameserver 9.9.9.9 \nsearch example.com .\noptions rotate\n',
};

test('names resolve in the cluster first', () => {
  assert.equal(
    resolvConf(podOf(), dns),
    'nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local example.com\noptions ndots:5\n',
  );
});

test('other policies: the node, nothing, the cluster for host pods', () => {
  assert.equal(
    resolvConf(podOf({ dnsPolicy: 'Default' }), dns),
    'nameserver 9.9.9.9\nsearch example.com\noptions rotate\n',
  );
  assert.equal(resolvConf(podOf({ hostNetwork: true }), dns), resolvConf(podOf({ dnsPolicy: 'Default' }), dns));
  assert.match(
    resolvConf(podOf({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }), dns),
    /^nameserver 10\.96\.0\.10\n/,
  );
  const dnsConfig = {
    nameservers: ['1.1.1.1'],
    searches: ['a.b'],
    options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
  };
  assert.equal(
    resolvConf(podOf({ dnsPolicy: 'None', dnsConfig }), dns),
    'nameserver 1.1.1.1\nsearch a.b\noptions ndots:2 edns0\n',
  );
  assert.match(resolvConf(podOf({ dnsConfig }), dns), /options ndots:2 edns0\n$/);
});

test('a hosts file names the pod and its aliases', () => {
  const text = etcHosts(
    podOf({ hostname: 'a', subdomain: 'set', hostAliases: [{ ip: '9.9.9.9', hostnames: ['x', 'y'] }] }),
    ['10.0.0.2'],
    'cluster.local',
    '',
  );
  assert.match(text, /^# Kubernetes-managed hosts file\.\n127\.0\.0\.1\tlocalhost\n/);
  assert.match(text, /\n10\.0\.0\.2\ta\.set\.shop\.svc\.cluster\.local\ta\n/);
  assert.match(text, /\n# Entries added by HostAliases\.\n9\.9\.9\.9\tx\ty\n$/);
  assert.match(
    etcHosts(podOf({ hostNetwork: true }), [], 'cluster.local', '1.1.1.1\tme\n'),
    /host network\)\.\n1\.1\.1\.1\tme\n$/,
  );
});

test('a long name is cut to what a host may be called', () => {
  assert.equal(hostnameOf(podOf({}, { metadata: { name: `${'a'.repeat(62)}.b` } })), 'a'.repeat(62));
});

test('odd resolv.conf lines do no harm', () => {
  assert.deepEqual(parseResolvConf('nameserver\nfoo bar\n;x\nnameserver ::1\r\ndomain d\n'), {
    servers: ['::1'],
    searches: ['d'],
    options: [],
  });
});
