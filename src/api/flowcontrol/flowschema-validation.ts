/** Rules of FlowSchemas. Paths and wording are upstream's (pkg/apis/flowcontrol/validation). */
import { deepEqual } from '#base/deep-equal.ts';
import { duplicate, forbiddenField, invalidValue, notSupported, required } from '#meta/causes.ts';
import { dns1123Label, dns1123Subdomain } from '#meta/names.ts';
import { indexed, named, present, type Causes } from '../field-checks.ts';
import { mandatoryFlowSchemas } from './defaults.ts';
import type {
  FlowSchemaSpec,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  ResourcePolicyRule,
  Subject,
} from './flowschema.ts';

const precedenceMax = 10_000;
const distinguishers: readonly string[] = ['ByNamespace', 'ByUser'];
const all = '*';
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch'];

const arms = [
  ['User', 'user'],
  ['Group', 'group'],
  ['ServiceAccount', 'serviceAccount'],
] as const;

function* subjectCauses(at: string, subject: Subject): Causes {
  if (!arms.some(([kind]) => kind === subject.kind)) return;
  for (const [kind, key] of arms) {
    if (kind === subject.kind && subject[key] === undefined)
      yield required(`${at}.${key}`, `${key} is required when subject kind is '${kind}'`);
    if (kind !== subject.kind && subject[key] !== undefined)
      yield forbiddenField(`${at}.${key}`, `${key} is forbidden when subject kind is not '${kind}'`);
  }
  const arm = arms.find(([kind]) => kind === subject.kind)?.[1];
  const chosen = arm && subject[arm];
  if (chosen === undefined) return;
  yield* present(`${at}.${arm}.name`, chosen.name);
  if (!('namespace' in chosen)) return;
  if (chosen.name && chosen.name !== all) yield* named(dns1123Subdomain, `${at}.${arm}.name`, chosen.name);
  if (chosen.namespace) yield* named(dns1123Label, `${at}.${arm}.namespace`, chosen.namespace);
  else yield required(`${at}.${arm}.namespace`, 'must specify namespace for service account');
}

/** A star stands for all, and alone. */
function* starAlone(path: string, list: readonly string[], what: string): Causes {
  if (list.length > 1 && list.includes(all))
    yield invalidValue(path, list, `if '*' is present, must not specify other ${what}`);
}

function* verbCauses(path: string, list: readonly string[] = []): Causes {
  yield* starAlone(path, list, 'verbs');
  if (!list.includes(all) && list.some((verb) => !verbs.includes(verb))) yield notSupported(path, list, verbs);
}

function* resourceRuleCauses(at: string, rule: ResourcePolicyRule): Causes {
  yield* verbCauses(`${at}.verbs`, rule.verbs);
  yield* starAlone(`${at}.apiGroups`, rule.apiGroups ?? [], 'api groups');
  yield* starAlone(`${at}.resources`, rule.resources ?? [], 'resources');
  const namespaces = rule.namespaces ?? [];
  const path = `${at}.namespaces`;
  if (namespaces.length === 0 && rule.clusterScope !== true)
    yield required(path, 'resource rules that are not cluster scoped must supply at least one namespace');
  else if (namespaces.includes(all)) yield* starAlone(path, namespaces, 'namespaces');
  else {
    for (const [one, oneAt] of indexed(path, namespaces))
      for (const message of dns1123Label(one))
        yield invalidValue(oneAt, one, `each member of this list must be '*' or a DNS-1123 label; ${message}`);
  }
}

function urlFault(url: string): string | undefined {
  if (url === '') return 'must not be empty';
  if (url === '/') return undefined;
  if (!url.startsWith('/')) return 'must start with slash';
  if (url.includes(' ')) return 'must not contain white-space';
  if (url.includes('//')) return 'must not contain double slash';
  const stars = url.split(all).length - 1;
  return stars > 1 || (stars === 1 && !url.endsWith('/*')) ? 'wildcard can only do suffix matching' : undefined;
}

function* pathRuleCauses(at: string, rule: NonResourcePolicyRule): Causes {
  yield* verbCauses(`${at}.verbs`, rule.verbs);
  const urls = rule.nonResourceURLs ?? [];
  if (urls.includes(all)) yield* starAlone(`${at}.nonResourceURLs`, urls, 'non-resource URLs');
  else {
    for (const [url, urlAt] of indexed(`${at}.nonResourceURLs`, urls)) {
      const fault = urlFault(url);
      if (fault !== undefined) yield invalidValue(urlAt, url, fault);
    }
  }
}

function* ruleCauses(at: string, rule: PolicyRulesWithSubjects): Causes {
  for (const [subject, subjectAt] of indexed(`${at}.subjects`, rule.subjects)) yield* subjectCauses(subjectAt, subject);
  if (!rule.resourceRules?.length && !rule.nonResourceRules?.length)
    yield required(at, 'at least one of resourceRules and nonResourceRules has to be non-empty');
  for (const [one, oneAt] of indexed(`${at}.resourceRules`, rule.resourceRules)) yield* resourceRuleCauses(oneAt, one);
  for (const [one, oneAt] of indexed(`${at}.nonResourceRules`, rule.nonResourceRules))
    yield* pathRuleCauses(oneAt, one);
}

export function* flowSchemaCauses(name: string, spec: FlowSchemaSpec): Causes {
  const precedence = spec.matchingPrecedence ?? 0;
  const path = 'spec.matchingPrecedence';
  if (precedence <= 0) yield invalidValue(path, precedence, 'must be a positive value');
  if (precedence > precedenceMax) yield invalidValue(path, precedence, `must not be greater than ${precedenceMax}`);
  if (precedence === 1 && name !== 'exempt')
    yield invalidValue(path, precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
  const method = spec.distinguisherMethod;
  if (method !== undefined && !distinguishers.includes(method.type))
    yield notSupported('spec.distinguisherMethod.type', { Type: method.type }, distinguishers);
  yield* named(
    dns1123Subdomain,
    'spec.priorityLevelConfiguration.name',
    spec.priorityLevelConfiguration?.name || undefined,
  );
  for (const [rule, at] of indexed('spec.rules', spec.rules)) yield* ruleCauses(at, rule);
  const fixed = mandatoryFlowSchemas.find((schema) => schema.name === name);
  if (fixed !== undefined && !deepEqual(spec, fixed.spec))
    yield invalidValue('spec', spec, `spec of '${name}' must equal the fixed value`);
}

/** The conditions in the status of either kind. */
export function* flowConditionCauses(conditions: readonly { readonly type?: string }[] | undefined): Causes {
  const seen = new Set<string>();
  for (const [{ type = '' }, at] of indexed('status.conditions', conditions)) {
    if (seen.has(type)) yield duplicate(`${at}.type`, type);
    seen.add(type);
    yield* present(`${at}.type`, type);
  }
}
