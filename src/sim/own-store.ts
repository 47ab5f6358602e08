/**
 * The store of an API server that is the only one: a log on the disk of its own machine, which may be slow, full or broken, and loses with the power what was not synced.
 */
import type { Store } from '#store/store.ts';
import type { Millis, Random } from '#world/world.ts';
import type { Faults } from './faults.ts';
import { openLogStore } from './log-store.ts';
import type { FaultPlan } from './plan.ts';
import type { Process } from './server.ts';
import type { History } from './trace.ts';
import { torn, type SimDisk } from './world/disk.ts';
import type { SimWorld } from './world/world.ts';

export interface OwnStoreParts {
  readonly world: SimWorld;
  /** Chance of its own: what the disk kept. */
  readonly random: Random;
  readonly history: History;
  readonly breach: (text: string) => void;
  readonly plan: FaultPlan;
  readonly faults: Faults;
  readonly defect: { readonly store?: (store: Store) => Store; readonly disk?: (disk: SimDisk) => SimDisk };
}

export interface OwnStore {
  /** Opens it for one process. */
  open(life: Process): Promise<Store>;
  losePower(): void;
  /** From now on faults may strike; until then everything starts in peace. */
  arm(): void;
}

const path = '/log';
const slowMs: Millis = 2_000;
const fullMs: Millis = 5_000;

export function ownStore({ world, random, history, plan, faults, ...parts }: OwnStoreParts): OwnStore {
  let isArmed = false;
  let fullUntil: Millis = 0;
  const strikes = (fault: keyof Faults): boolean => isArmed && plan.strikes('server', fault, faults[fault]);

  /** The disk as one process finds it: it may be slow, full or broken, and answers nobody who is dead. */
  const diskOf = ({ signal }: Process): SimDisk => {
    const disk = parts.defect.disk?.(world.disk) ?? world.disk;
    const living = async (): Promise<void> => {
      if (signal.aborted) await new Promise(() => {});
    };
    return {
      ...disk,
      async append(file, content) {
        await living();
        if (strikes('diskFull')) fullUntil = world.clock.monotonic() + fullMs;
        if (world.clock.monotonic() >= fullUntil) return disk.append(file, content);
        await disk.append(file, content.slice(0, Math.floor(content.length / 2)));
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      },
      async sync(file) {
        if (strikes('diskSlow')) await world.clock.sleep(slowMs);
        await living();
        if (strikes('diskError')) throw Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' });
        return disk.sync(file);
      },
      async truncate(file, length) {
        await living();
        return disk.truncate(file, length);
      },
    };
  };

  return {
    async open(life) {
      const { signal, die } = life;
      const log = await openLogStore(diskOf(life), path, () => {
        if (signal.aborted) return true;
        if (!strikes('crash')) return false;
        die();
        return true;
      });
      signal.addEventListener('abort', () => log.crash(), { once: true });
      for (const lost of await history.follow(log)) parts.breach(lost);
      return parts.defect.store?.(log) ?? log;
    },
    losePower: () => world.disk.losePower(torn(random)),
    arm: () => void (isArmed = true),
  };
}
