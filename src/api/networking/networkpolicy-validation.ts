/** Rules of a NetworkPolicy: ports, peers, ranges. Paths and wording are upstream's (pkg/apis/networking/validation). */
import { contains, network, parseCidr } from '#base/cidr.ts';
import { forbiddenField, invalidValue, required } from '#meta/causes.ts';
import { cidrRange, cidrWarnings } from '#meta/ip.ts';
import { portName } from '#meta/names.ts';
import { checkLabelSelector } from '#meta/selector.ts';
import { indexed, named, port as portCauses, type Causes } from '../field-checks.ts';
import type { IpBlock, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from './networkpolicy.ts';

const typesMax = 2;

function* rangeCauses(at: string, { port, endPort }: NetworkPolicyPort): Causes {
  if (typeof port === 'number') {
    yield* portCauses(`${at}.port`, port);
    if (endPort === undefined) return;
    if (endPort < port) yield invalidValue(`${at}.endPort`, endPort, 'must be greater than or equal to `port`');
    yield* portCauses(`${at}.endPort`, endPort);
    return;
  }
  if (endPort !== undefined) {
    const reason = port === undefined ? 'not specified' : 'non-numeric';
    yield invalidValue(`${at}.endPort`, endPort, `may not be specified when \`port\` is ${reason}`);
  }
  yield* named(portName, `${at}.port`, port);
}

function* blockCauses(at: string, { cidr, except }: IpBlock): Causes {
  if (!cidr) return;
  yield* named(cidrRange, `${at}.cidr`, cidr);
  const whole = parseCidr(cidr);
  if (whole === undefined) return;
  for (const [text, textAt] of indexed(`${at}.except`, except)) {
    yield* named(cidrRange, textAt, text);
    const part = parseCidr(text);
    if (part === undefined) continue;
    if (!contains(whole, network(part).address) || whole.bits >= part.bits)
      yield invalidValue(textAt, text, 'must be a strict subset of `cidr`');
  }
}

function* peerCauses(at: string, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): Causes {
  yield* checkLabelSelector(podSelector, `${at}.podSelector`);
  yield* checkLabelSelector(namespaceSelector, `${at}.namespaceSelector`);
  if (ipBlock !== undefined) yield* blockCauses(`${at}.ipBlock`, ipBlock);
  const selects = podSelector !== undefined || namespaceSelector !== undefined;
  if (!selects && ipBlock === undefined) yield required(at, 'must specify a peer');
  else if (selects && ipBlock !== undefined) yield forbiddenField(at, 'may not specify both ipBlock and another peer');
}

/** Every peer of the spec with its path. */
function* peersOf(spec: NetworkPolicySpec): Iterable<readonly [NetworkPolicyPeer, string, number]> {
  for (const [{ from }, at] of indexed('spec.ingress', spec.ingress)) yield* indexed(`${at}.from`, from);
  for (const [{ to }, at] of indexed('spec.egress', spec.egress)) yield* indexed(`${at}.to`, to);
}

export function* networkPolicyCauses(spec: NetworkPolicySpec): Causes {
  yield* checkLabelSelector(spec.podSelector, 'spec.podSelector');
  for (const direction of ['ingress', 'egress'] as const) {
    for (const [{ ports }, at] of indexed(`spec.${direction}`, spec[direction]))
      for (const [one, portAt] of indexed(`${at}.ports`, ports)) yield* rangeCauses(portAt, one);
  }
  for (const [peer, at] of peersOf(spec)) yield* peerCauses(at, peer);
  if (spec.policyTypes.length > typesMax)
    yield invalidValue('spec.policyTypes', spec.policyTypes, 'may not specify more than two policyTypes');
}

export function* networkPolicyWarnings(spec: NetworkPolicySpec): Iterable<string> {
  for (const [{ ipBlock }, at] of peersOf(spec)) {
    if (ipBlock === undefined) continue;
    const texts = [[ipBlock.cidr, `${at}.ipBlock.cidr`] as const, ...indexed(`${at}.ipBlock.except`, ipBlock.except)];
    for (const [text, textAt] of texts) for (const message of cidrWarnings(text)) yield `${textAt}: ${message}`;
  }
}
