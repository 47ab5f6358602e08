/**
 * PodSecurity: labels of a namespace say which level of the Pod Security Standards its pods must keep to (enforce), which one clients are warned about (warn), and in
 * which version. Templates of pods are only warned about (https://kubernetes.io/docs/concepts/security/pod-security-admission/).
 */
import type { Pod } from '#api/core/pod.ts';
import { invalidValue } from '#meta/causes.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { forbidden, invalid, type Cause } from '#meta/status.ts';
import type { WatchCache } from '../watch/cache.ts';
import type { AdmissionPlugin, AdmissionRequest } from './admission.ts';
import { baseline, newestMinor, restricted, type CheckedPod, type Violation } from './pod-security-checks.ts';

const levels = ['privileged', 'baseline', 'restricted'] as const;
type Level = (typeof levels)[number];

interface LevelVersion {
  readonly level: Level;
  /** `latest` or `v1.25`. */
  readonly version: string;
}

interface Policy {
  readonly enforce: LevelVersion;
  readonly warn: LevelVersion;
  readonly causes: readonly Cause[];
}

type Labels = Readonly<Record<string, string>>;
const prefix = 'pod-security.kubernetes.io/';

/** What the labels mean. A level that nobody knows enforces the strictest, and warns of nothing. */
function policyOf(labels: Labels = {}): Policy {
  const causes: Cause[] = [];
  const modeOf = (mode: 'audit' | 'enforce' | 'warn', unknown: Level): LevelVersion => {
    const level = labels[prefix + mode];
    const version = labels[`${prefix}${mode}-version`];
    const known = level === undefined ? 'privileged' : levels.find((one) => one === level);
    if (level !== undefined && known === undefined)
      causes.push(invalidValue(`metadata.labels[${prefix}${mode}]`, level, `must be one of ${levels.join(', ')}`));
    const isVersion = version === undefined || version === 'latest' || /^v1\.(0|[1-9]\d*)$/.test(version);
    if (!isVersion)
      causes.push(invalidValue(`metadata.labels[${prefix}${mode}-version]`, version, 'must be "latest" or "v1.x"'));
    return { level: known ?? unknown, version: version !== undefined && isVersion ? version : 'latest' };
  };
  const enforce = modeOf('enforce', 'restricted');
  modeOf('audit', 'privileged');
  const warn = modeOf('warn', 'privileged');
  // Who only enforces is also warned, of templates above all.
  const isSilent = labels[`${prefix}warn`] === undefined && strictness(enforce) > strictness(warn);
  return { enforce, warn: isSilent ? enforce : warn, causes };
}

const strictness = ({ level }: LevelVersion): number => levels.indexOf(level);
const shown = ({ level, version }: LevelVersion): string => `"${level}:${version}"`;

function violations({ level, version }: LevelVersion, pod: CheckedPod): readonly Violation[] {
  if (level === 'privileged') return [];
  const minor = version === 'latest' ? newestMinor : Math.min(Number(version.slice('v1.'.length)), newestMinor);
  const strict = level === 'restricted' ? restricted.filter(({ since }) => since <= minor) : [];
  const replaced = new Set(strict.map(({ instead }) => instead));
  const checks = [...baseline.filter(({ id, since }) => since <= minor && !replaced.has(id)), ...strict];
  return checks.flatMap(({ rule }) => rule(pod, minor) ?? []);
}

const inDetail = (found: readonly Violation[]): string =>
  found.map(({ reason, detail }) => (detail === '' ? reason : `${reason} (${detail})`)).join(', ');

const pods = { group: '', plural: 'pods' };
const templated = new Set([
  '/podtemplates',
  '/replicationcontrollers',
  'apps/daemonsets',
  'apps/deployments',
  'apps/replicasets',
  'apps/statefulsets',
  'batch/cronjobs',
  'batch/jobs',
]);
const withoutPods = new Set(['attach', 'binding', 'eviction', 'exec', 'log', 'portforward', 'proxy', 'status']);

/** Pods of a namespace that are looked at when it becomes stricter. */
const podsChecked = 3000;

export function podSecurityAdmission(namespaces: WatchCache, podCache: WatchCache): AdmissionPlugin {
  const policyIn = (namespace: string | undefined): Policy | undefined => {
    const entry = namespace === undefined ? undefined : namespaces.get(namespaces.key(undefined, namespace));
    return entry && policyOf(entry.labels);
  };

  const checkPod = (request: AdmissionRequest): void => {
    const { operation, object, old, namespace, subresource = '' } = request;
    const policy = policyIn(namespace);
    if (!object || !policy || withoutPods.has(subresource)) return;
    if (policy.enforce.level === 'privileged' && policy.warn.level === 'privileged') return;
    if (operation === 'UPDATE' && old && !isSignificant(object as unknown as Pod, old as unknown as Pod)) return;
    const { metadata, spec } = object as unknown as Pod;
    const pod = { annotations: metadata.annotations ?? {}, spec };
    const found = violations(policy.enforce, pod);
    if (found.length > 0)
      throw forbidden(pods, metadata.name ?? '', `violates PodSecurity ${shown(policy.enforce)}: ${inDetail(found)}`);
    warnOf(request, policy.warn, pod);
  };

  const checkNamespace = ({ operation, object, old, subresource, warn }: AdmissionRequest): void => {
    if (!object || subresource !== undefined || operation === 'DELETE') return;
    const { name = '', labels } = object.metadata;
    const policy = policyOf(labels);
    const before = old && policyOf(old.metadata.labels);
    const isNew = JSON.stringify(policy.causes) !== JSON.stringify(before?.causes ?? []);
    if (policy.causes.length > 0 && isNew) throw invalid({ group: '', kind: 'Namespace' }, name, policy.causes);
    if (!before || policy.enforce.level === 'privileged') return;
    const same = policy.enforce.version === before.enforce.version;
    if (same && strictness(policy.enforce) <= strictness(before.enforce)) return;
    for (const warning of warningsOf(podCache, name, policy.enforce)) warn?.(warning);
  };

  return {
    name: 'PodSecurity',
    validate(request) {
      const { kind, operation, subresource, object, namespace } = request;
      if (operation !== 'CREATE' && operation !== 'UPDATE') return;
      if (kind.group === '' && kind.kind === 'Pod') checkPod(request);
      else if (kind.group === '' && kind.kind === 'Namespace') checkNamespace(request);
      else if (templated.has(`${kind.group}/${kind.plural}`) && subresource === undefined && object) {
        const policy = policyIn(namespace);
        const template = policy?.warn.level === 'privileged' ? undefined : templateOf(object);
        if (policy && template?.spec)
          warnOf(request, policy.warn, { annotations: template.metadata?.annotations ?? {}, spec: template.spec });
      }
    },
  };
}

function warnOf({ warn }: AdmissionRequest, level: LevelVersion, pod: CheckedPod): void {
  const found = violations(level, pod);
  if (found.length > 0) warn?.(`would violate PodSecurity ${shown(level)}: ${inDetail(found)}`);
}

interface Template {
  readonly metadata?: { readonly annotations?: Labels };
  readonly spec?: Pod['spec'];
}

function templateOf(object: AnyObject): Template | undefined {
  const { template, spec } = object as AnyObject & {
    readonly template?: Template;
    readonly spec?: {
      readonly template?: Template;
      readonly jobTemplate?: { readonly spec?: { readonly template?: Template } };
    };
  };
  return template ?? spec?.template ?? spec?.jobTemplate?.spec?.template;
}

type Named = { readonly name: string; readonly image?: string };

/** Of what may change in a pod, only images, seccomp's old annotations and new containers matter. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const annotation = (of: Pod, key: string): string | undefined => of.metadata.annotations?.[key];
  const differs = (key: string): boolean => annotation(pod, key) !== annotation(old, key);
  if (differs('seccomp.security.alpha.kubernetes.io/pod')) return true;
  const changed = (mine: readonly Named[] = [], theirs: readonly Named[] = []): boolean =>
    mine.length !== theirs.length ||
    mine.some(({ name, image }) => {
      const before = theirs.find((one) => one.name === name);
      return !before || before.image !== image || differs(`container.seccomp.security.alpha.kubernetes.io/${name}`);
    });
  return (
    changed(pod.spec.containers, old.spec.containers) ||
    changed(pod.spec.initContainers, old.spec.initContainers) ||
    changed(pod.spec.ephemeralContainers, old.spec.ephemeralContainers)
  );
}

/** What a namespace that becomes stricter is told of the pods it has: by reason, the first pod and how many others. */
function warningsOf(podCache: WatchCache, namespace: string, level: LevelVersion): readonly string[] {
  const present = podCache.snapshot(`${podCache.prefix}${namespace}/`);
  const checked = present.slice(0, podsChecked);
  const byReason = new Map<string, string[]>();
  for (const { object } of checked) {
    const { metadata, spec } = object as unknown as Pod;
    const found = violations(level, { annotations: metadata.annotations ?? {}, spec });
    if (found.length === 0) continue;
    const reason = found.map((one) => one.reason).join(', ');
    byReason.set(reason, [...(byReason.get(reason) ?? []), metadata.name]);
  }
  const told = [...byReason].map(([reason, names]) => {
    const [first, ...others] = names.sort();
    const more = others.length === 0 ? '' : ` (and ${others.length} other ${others.length === 1 ? 'pod' : 'pods'})`;
    return `${first}${more}: ${reason}`;
  });
  return [
    ...(checked.length < present.length
      ? [
          `new PodSecurity enforce level only checked against the first ${checked.length} of ${present.length} existing pods`,
        ]
      : []),
    ...(told.length > 0
      ? [`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level ${shown(level)}`]
      : []),
    ...told.sort(),
  ];
}
