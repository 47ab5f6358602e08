/**
 * The real World: the machine this process runs on. Made once at the top of a process (cli, cluster, tests) and handed down;
 * no other code may reach for the machine.
 */
import type { World } from '../world.ts';
import { nodeClock } from './clock.ts';
import { nodeDisk } from './disk.ts';
import { nodeLog, type LogOptions } from './log.ts';
import { nodeNetwork } from './network.ts';
import { nodeProcesses } from './processes.ts';
import { nodeRandom } from './random.ts';

export interface NodeWorldOptions {
  /** Default: level `info` to stderr, text on a terminal, JSON lines elsewhere. */
  readonly log?: LogOptions;
}

export function nodeWorld(options: NodeWorldOptions = {}): World {
  const log = nodeLog(options.log);
  return {
    clock: nodeClock(),
    random: nodeRandom(),
    disk: nodeDisk(),
    network: nodeNetwork(log),
    processes: nodeProcesses(),
    log,
  };
}
