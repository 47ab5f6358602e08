/** Lists of conditions: setting one keeps its transition time while its status stays. Pure. */

interface ConditionBase {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
}

/** `conditions` with `next` in the place of its type; the same list when only times would differ. */
export function withCondition<C extends ConditionBase>(conditions: readonly C[] | undefined, next: C): readonly C[] {
  const present = conditions ?? [];
  const old = present.find((condition) => condition.type === next.type);
  if (!old) return [...present, next];
  if (old.status === next.status && old.reason === next.reason && old.message === next.message) return present;
  const kept =
    old.status === next.status && old.lastTransitionTime !== undefined
      ? { ...next, lastTransitionTime: old.lastTransitionTime }
      : next;
  return present.map((condition) => (condition === old ? kept : condition));
}

export const withoutCondition = <C extends ConditionBase>(
  conditions: readonly C[] | undefined,
  type: string,
): readonly C[] => (conditions ?? []).filter((condition) => condition.type !== type);
