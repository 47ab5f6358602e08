/**
 * A simulated machine: a World whose time, chance, disk and network come from a seed. Several machines share one time and one network; each has its own disk.
 */
import type { Clock, Log, LogFields, Millis, Processes, Random, World } from '#world/world.ts';
import { simDisk, type SimDisk } from './disk.ts';
import { simNetwork, type SimNetwork } from './network.ts';
import { seededRandom } from './random.ts';
import { realTime, virtualTime, type VirtualTime } from './time.ts';

export interface SimWorld extends World {
  readonly disk: SimDisk;
  readonly network: SimNetwork;
}

export interface SimUniverse {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly network: SimNetwork;
  /** A machine of this name. */
  machine(name: string): SimWorld;
  /** Everything that was logged, in order: `<ms> <machine> <level> <message> <fields>`. */
  readonly logged: readonly string[];
}

const noProcesses = async (): Promise<never> => {
  throw new Error('a simulated machine has no programs');
};

const processes: Processes = {
  // Not root: nothing is mounted for real.
  self: { pid: 1, uid: 1000, platform: 'linux', arch: 'x64' },
  env: {},
  run: noProcesses,
  spawn: () => {
    throw new Error('a simulated machine has no programs');
  },
  spawnPty: () => {
    throw new Error('a simulated machine has no programs');
  },
  kill: () => false,
  which: async () => undefined,
  usage: () => ({ residentBytes: 0, cpuMs: 0 }),
  collectGarbage: () => {},
};

/** How a machine's clock differs from the true time. Its monotonic clock and its timers are right. */
export interface Skew {
  readonly offsetMs?: Millis;
  /** Parts of a million that it gains (loses when negative) all the time. */
  readonly driftPpm?: number;
}

/** Lines kept; the oldest go. */
const loggedMax = 50_000;

/** `skews`: by the name of the machine. */
export function simUniverse(
  seed: number | string,
  clock: 'virtual' | 'real' = 'virtual',
  skews: Readonly<Record<string, Skew>> = {},
): SimUniverse {
  const random = seededRandom(seed);
  const time = clock === 'real' ? realTime() : virtualTime(random);
  const network = simNetwork((ms, signal) => time.clock.sleep(ms, signal ? { signal } : {}));
  const logged: string[] = [];
  const logOf = (machine: string, more: LogFields): Log => {
    const line =
      (level: string) =>
      (message: string, fields?: LogFields): void => {
        if (logged.length >= loggedMax) logged.splice(0, loggedMax / 2);
        logged.push(
          `${Math.floor(time.elapsed)} ${machine} ${level} ${message} ${JSON.stringify({ ...more, ...fields })}`,
        );
      };
    return {
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      with: (fields) => logOf(machine, { ...more, ...fields }),
    };
  };
  const clockOf = (machine: string): Clock => {
    const skew = skews[machine];
    if (!skew) return time.clock;
    const gained = (): Millis => (skew.offsetMs ?? 0) + (time.elapsed * (skew.driftPpm ?? 0)) / 1_000_000;
    return { ...time.clock, now: () => Math.floor(time.clock.now() + gained()) };
  };
  return {
    time,
    random,
    network,
    logged,
    machine: (name) => ({
      clock: clockOf(name),
      random,
      disk: simDisk(() => time.clock.now(), {
        '/etc/hosts': '127.0.0.1 localhost\n',
        '/etc/resolv.conf': 'nameserver 192.0.2.53\n',
      }),
      network,
      processes,
      log: logOf(name, {}),
    }),
  };
}
