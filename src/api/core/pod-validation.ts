/**
 * Rules of a pod's spec, for pods and for templates. What the declaration tells (required fields, known values, unique names) is not
 * repeated here. Paths and wording are upstream's (pkg/apis/core/validation, ValidatePodSpec).
 */
import { duplicate, forbiddenField, invalidValue, notSupported, required, tooLong } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain, dns1123SubdomainWithUnderscore, labelKey } from '#meta/names.ts';
import { addQuantities, compareQuantities, parseQuantity, type Quantity } from '#meta/quantity.ts';
import { checkLabels } from '#meta/selector.ts';
import type { DraftMeta } from '#meta/object-meta.ts';
import { validateTemplateMeta } from '#schema/validate-meta.ts';
import { address, between, indexed, named, type Causes } from '../field-checks.ts';
import { containerCauses, ephemeralContainerCauses, initContainerCauses, type Around } from './container-validation.ts';
import { affinityCauses, preemptionCauses, spreadCauses, tolerationCauses } from './placement-validation.ts';
import type { PodSpec } from './pod-spec.ts';
import type { PodTemplateSpec } from './pod-template.ts';
import { resourceCauses } from './resource-validation.ts';
import { podSecurityCauses } from './security-validation.ts';
import { hostProcessCauses } from './windows-validation.ts';
import { volumeCauses, volumesByName } from './volume-validation.ts';

// Limits of the resolver of Linux' libc, widened in 1.22 (KEP-2595).
const nameserversMax = 3;
const searchesMax = 32;
const searchCharactersMax = 2048;
const secondsMax = 2_147_483_647;
/** As many as Linux takes. */
const hostnameOverrideBytesMax = 64;

/** Search domains may carry underscores (KEP-4427). */

function* dns(path: string, { dnsPolicy, dnsConfig: config }: PodSpec): Causes {
  if (dnsPolicy === 'None') {
    if (config === undefined) {
      yield required(path, 'must provide `dnsConfig` when `dnsPolicy` is None');
      return;
    }
    if (!config.nameservers?.length) {
      yield required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None');
      return;
    }
  }
  const { nameservers = [], searches = [], options } = config ?? {};
  if (nameservers.length > nameserversMax)
    yield invalidValue(`${path}.nameservers`, nameservers, `must not have more than ${nameserversMax} nameservers`);
  for (const [server, at] of indexed(`${path}.nameservers`, nameservers)) yield* address(at, server);
  if (searches.length > searchesMax)
    yield invalidValue(`${path}.searches`, searches, `must not have more than ${searchesMax} search paths`);
  if (searches.join(' ').length > searchCharactersMax) {
    yield invalidValue(
      `${path}.searches`,
      searches,
      `must not have more than ${searchCharactersMax} characters (including spaces) in the search list`,
    );
  }
  for (const [search, at] of indexed(`${path}.searches`, searches))
    if (search !== '.') yield* named(dns1123SubdomainWithUnderscore, at, search.replace(/\.$/, ''));
  for (const [option, at] of indexed(`${path}.options`, options))
    if (!option.name) yield required(at, 'must not be empty');
}

function* hostNetwork(path: string, spec: PodSpec, isPod: boolean): Causes {
  if (!spec.hostNetwork) return;
  for (const [container, at] of indexed(`${path}.containers`, spec.containers)) {
    for (const [{ hostPort = 0, containerPort }, portAt] of indexed(`${at}.ports`, container.ports)) {
      if ((isPod || hostPort !== 0) && hostPort !== containerPort) {
        yield invalidValue(`${portAt}.hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true');
      }
    }
  }
}

function* claims(path: string, spec: PodSpec): Causes {
  for (const [claim, at] of indexed(path, spec.resourceClaims)) {
    const { name, resourceClaimName: existing, resourceClaimTemplateName: template } = claim;
    if (name) yield* named(dns1123Label, `${at}.name`, name);
    if (existing !== undefined && template !== undefined) {
      yield invalidValue(
        at,
        { Name: name ?? '', ResourceClaimName: existing, ResourceClaimTemplateName: template },
        'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
      );
    } else if (existing === undefined && template === undefined) {
      const shown = { Name: name ?? '', ResourceClaimName: null, ResourceClaimTemplateName: null };
      yield invalidValue(at, shown, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`');
    }
    yield* named(dns1123Subdomain, `${at}.resourceClaimName`, existing);
    yield* named(dns1123Subdomain, `${at}.resourceClaimTemplateName`, template);
  }
}

/** Resources of the pod as a whole must hold those of its containers (KEP-2837). */
function* podResources(path: string, spec: PodSpec, known: ReadonlySet<string>): Causes {
  const { resources } = spec;
  if (resources === undefined) return;
  if (spec.os?.name === 'windows') {
    yield forbiddenField(path, 'may not be set for a windows pod');
    return;
  }
  if (resources.claims !== undefined)
    yield forbiddenField(`${path}.claims`, 'claims may not be set for Resources at pod-level');
  yield* resourceCauses(path, resources, { level: 'pod', claims: known });
  const sums = new Map<string, Quantity>();
  for (const container of spec.containers ?? []) {
    for (const [name, text] of Object.entries(container.resources?.requests ?? {})) {
      const [sum, quantity] = [sums.get(name), parseQuantity(text)];
      if (quantity !== undefined) sums.set(name, sum === undefined ? quantity : addQuantities(sum, quantity));
    }
  }
  for (const [name, sum] of sums) {
    const own = parseQuantity(resources.requests?.[name] ?? '');
    if (own !== undefined && compareQuantities(sum, own) > 0) {
      yield invalidValue(
        `${path}.requests[${name}]`,
        own.text,
        `must be greater than or equal to aggregate container requests of ${sum.text}`,
      );
    }
  }
  for (const [container, at] of indexed(`${path}.containers`, spec.containers)) {
    for (const [name, text] of Object.entries(container.resources?.limits ?? {})) {
      const [limit, own] = [parseQuantity(text), parseQuantity(resources.limits?.[name] ?? '')];
      if (limit !== undefined && own !== undefined && compareQuantities(limit, own) > 0) {
        yield invalidValue(
          `${at}[${name}].limits`,
          limit.text,
          `must be less than or equal to pod limits of ${own.text}`,
        );
      }
    }
  }
}

function* gates(path: string, spec: PodSpec): Causes {
  for (const [{ conditionType }, at] of indexed(`${path}.readinessGates`, spec.readinessGates)) {
    yield* named(labelKey, `${at}.conditionType`, conditionType);
  }
  const seen = new Set<string>();
  for (const [{ name }, at] of indexed(`${path}.schedulingGates`, spec.schedulingGates)) {
    yield* named(labelKey, at, name);
    if (seen.has(name)) yield duplicate(at, name);
    seen.add(name);
  }
}

function* names(path: string, spec: PodSpec): Causes {
  yield* named(dns1123Subdomain, `${path}.serviceAccountName`, spec.serviceAccountName || undefined);
  yield* named(dns1123Subdomain, `${path}.nodeName`, spec.nodeName || undefined);
  yield* between(`${path}.activeDeadlineSeconds`, spec.activeDeadlineSeconds, [1, secondsMax]);
  yield* named(dns1123Label, `${path}.hostname`, spec.hostname || undefined);
  yield* named(dns1123Label, `${path}.subdomain`, spec.subdomain || undefined);
  yield* named(dns1123Subdomain, `${path}.priorityClassName`, spec.priorityClassName || undefined);
  yield* named(dns1123Subdomain, `${path}.runtimeClassName`, spec.runtimeClassName);
  yield* preemptionCauses(`${path}.preemptionPolicy`, spec.preemptionPolicy);
  if (spec.os !== undefined) {
    const { name = '' } = spec.os;
    if (name === '') yield required(`${path}.os.name`);
    else if (name !== 'linux' && name !== 'windows') yield notSupported(`${path}.os`, name, ['linux', 'windows']);
  }
  if (spec.hostnameOverride !== undefined) {
    const at = `${path}.hostnameOverride`;
    if (Buffer.byteLength(spec.hostnameOverride) > hostnameOverrideBytesMax)
      yield tooLong(at, hostnameOverrideBytesMax);
    yield* named(dns1123Subdomain, at, spec.hostnameOverride);
    if (spec.setHostnameAsFQDN) yield forbiddenField(at, 'may not be specified when `setHostnameAsFQDN` is true');
    if (spec.hostNetwork) yield forbiddenField(at, 'may not be specified when `hostNetwork` is true');
  }
  for (const [alias, at] of indexed(`${path}.hostAliases`, spec.hostAliases)) {
    yield* address(`${at}.ip`, alias.ip);
    for (const [hostname, hostnameAt] of indexed(`${at}.hostnames`, alias.hostnames))
      yield* named(dns1123Subdomain, hostnameAt, hostname);
  }
  // The same as limits of a container, and reported as such.
  if (spec.overhead !== undefined)
    yield* resourceCauses(`${path}.overhead`, { limits: spec.overhead }, { level: 'container', claims: new Set() });
}

/** All causes in a pod's spec. `podName`: the name of the pod itself; undefined for a template. */
export function* podSpecCauses(path: string, spec: PodSpec, podName?: string): Causes {
  const isPod = podName !== undefined;
  const around: Around = {
    spec,
    isPod,
    volumes: volumesByName(spec.volumes),
    claims: new Set((spec.resourceClaims ?? []).map(({ name }) => name)),
  };
  yield* volumeCauses(`${path}.volumes`, spec.volumes, podName);
  yield* claims(`${path}.resourceClaims`, spec);
  yield* containerCauses(`${path}.containers`, around);
  yield* initContainerCauses(`${path}.initContainers`, around);
  yield* ephemeralContainerCauses(`${path}.ephemeralContainers`, around);
  yield* podResources(`${path}.resources`, spec, around.claims);
  yield* hostNetwork(path, spec, isPod);
  yield* checkLabels(spec.nodeSelector, `${path}.nodeSelector`);
  yield* podSecurityCauses(path, spec);
  yield* hostProcessCauses(path, spec);
  yield* affinityCauses(`${path}.affinity`, spec.affinity);
  yield* dns(`${path}.dnsConfig`, spec);
  yield* gates(path, spec);
  yield* spreadCauses(`${path}.topologySpreadConstraints`, spec.topologySpreadConstraints);
  yield* names(path, spec);
  yield* tolerationCauses(`${path}.tolerations`, spec.tolerations);
}

/** All causes in a template, as workloads embed it at `path`. */
export function* templateCauses(path: string, template: PodTemplateSpec | undefined): Causes {
  if (template === undefined) return;
  // Labels and annotations are reported without `metadata`, as upstream does.
  yield* validateTemplateMeta(template.metadata as DraftMeta, path);
  if (template.spec === undefined) return;
  yield* podSpecCauses(`${path}.spec`, template.spec);
  if (template.spec.ephemeralContainers?.length) {
    yield forbiddenField(`${path}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template');
  }
}

/** What only a new pod must not have. A stored one is known by its resourceVersion. */
export function* newPodCauses({ metadata, spec }: { readonly metadata: DraftMeta; readonly spec: PodSpec }): Causes {
  if (metadata.resourceVersion) return;
  if (spec.ephemeralContainers?.length) yield forbiddenField('spec.ephemeralContainers', 'cannot be set on create');
  if (spec.nodeName && spec.schedulingGates?.length) {
    yield forbiddenField('spec.nodeName', 'cannot be set until all schedulingGates have been cleared');
  }
}
