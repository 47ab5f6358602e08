/**
 * A fault plan: which faults strike, by name. `node-1/loseReply/12` is the twelfth time that a reply to node-1 could be lost. A run by chance keeps the names of what
 * struck; the same run can then be had from the names alone, and with fewer of them, until the smallest plan that still fails is left. The chances are drawn from a
 * source of their own, so that a plan changes nothing but its faults.
 */
import type { Random } from '#world/world.ts';

export interface FaultPlan {
  /** Asked at every opportunity; `chance` is what a run by chance draws against. */
  strikes(who: string, fault: string, chance: number | undefined): boolean;
  /** What has struck so far. */
  readonly struck: readonly string[];
  /** How often each fault could have struck so far, by `who/fault`. */
  readonly places: ReadonlyMap<string, number>;
}

/** Every fault by its chance. */
export const planByChance = (random: Random): FaultPlan =>
  planOf((_name, chance) => chance !== undefined && chance > 0 && random.fraction() < chance);

/** These faults and no others. */
export function planOfNames(names: readonly string[]): FaultPlan {
  const wanted = new Set(names);
  return planOf((name) => wanted.has(name));
}

function planOf(decide: (name: string, chance: number | undefined) => boolean): FaultPlan {
  const counts = new Map<string, number>();
  const struck: string[] = [];
  return {
    struck,
    places: counts,
    strikes(who, fault, chance) {
      const place = `${who}/${fault}`;
      const count = (counts.get(place) ?? 0) + 1;
      counts.set(place, count);
      const name = `${place}/${count}`;
      if (!decide(name, chance)) return false;
      struck.push(name);
      return true;
    },
  };
}

/**
 * A smaller plan that still fails: pieces are left out as long as it does, halves first, single faults last. `fails` is asked `triesMax` times at most.
 */
export async function smallestPlan(
  plan: readonly string[],
  fails: (plan: readonly string[]) => Promise<boolean>,
  triesMax: number,
): Promise<readonly string[]> {
  let tries = 0;
  let left = plan;
  if (left.length > 0 && triesMax > 0 && (tries++, await fails([]))) return [];
  for (let piece = Math.ceil(left.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let at = 0; at < left.length && tries < triesMax;) {
      const fewer = [...left.slice(0, at), ...left.slice(at + piece)];
      tries++;
      if (fewer.length > 0 && (await fails(fewer))) left = fewer;
      else at += piece;
    }
  }
  return left;
}
