/**
 * Whether a pod and a node go together by labels and taints: what the scheduler filters by and what a DaemonSet counts nodes by. Pure.
 */
import { matches, type LabelSelector } from '#meta/selector.ts';
import type { Node } from './node.ts';
import type { NodeSelectorTerm } from './node-selector.ts';
import type { PodSpec } from './pod-spec.ts';
import type { Taint, Toleration } from './tolerations.ts';

/** Whether one of the tolerations covers the taint. */
export function tolerates(
  tolerations: readonly Toleration[] | undefined,
  taint: Pick<Taint, 'key' | 'value' | 'effect'>,
): boolean {
  return (tolerations ?? []).some((toleration) => covers(toleration, taint));
}

/** Whether this toleration covers the taint; an empty key with Exists covers all. */
export function covers(toleration: Toleration, taint: Pick<Taint, 'key' | 'value' | 'effect'>): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '');
}

const operators = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!', Gt: 'gt', Lt: 'lt' } as const;
const compiled = new WeakMap<object, { readonly labels: LabelSelector; readonly fields: LabelSelector } | 'nothing'>();

/** Whether a node satisfies one term: all its expressions and fields; an empty term matches nothing. */
export function termMatches(term: NodeSelectorTerm, node: Node): boolean {
  let known = compiled.get(term);
  if (!known) {
    const parse = (list: NodeSelectorTerm['matchExpressions']): LabelSelector => ({
      requirements: (list ?? []).map(({ key, operator, values }) => ({
        key,
        operator: operators[operator],
        values: values ?? [],
      })),
    });
    const empty = !term.matchExpressions?.length && !term.matchFields?.length;
    known = empty ? 'nothing' : { labels: parse(term.matchExpressions), fields: parse(term.matchFields) };
    compiled.set(term, known);
  }
  if (known === 'nothing') return false;
  return matches(known.labels, node.metadata.labels) && matches(known.fields, { 'metadata.name': node.metadata.name });
}

/** nodeSelector and required node affinity together. */
export function wantsNode(spec: Pick<PodSpec, 'nodeSelector' | 'affinity'>, node: Node): boolean {
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) {
    if (node.metadata.labels?.[key] !== value) return false;
  }
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || required.nodeSelectorTerms.some((term) => termMatches(term, node));
}
