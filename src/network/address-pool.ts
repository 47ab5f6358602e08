/**
 * The addresses of one node's pods: which sandbox holds which, kept in a file for each so that a new agent knows what an
 * earlier one gave away. An address that was just given back is the last to be used again. It must never give one address to two sandboxes.
 */
import { addressAt, addressCount, contains, formatIp, parseCidr, parseIp, type Cidr } from '#base/cidr.ts';
import type { World } from '#world/world.ts';
import type { HostPort } from './host-port-rules.ts';

export interface Lease {
  readonly sandboxId: string;
  readonly ip: string;
  readonly ports: readonly HostPort[];
}

export class AddressPool {
  readonly gateway: string;
  readonly #world: World;
  readonly #directory: string;
  readonly #cidr: Cidr;
  readonly #bySandbox = new Map<string, Lease>();
  readonly #byIp = new Map<string, Lease>();
  /** The network's own address, the gateway's and the broadcast address are nobody's. */
  readonly #last: number;
  #next = firstOffset;

  constructor(world: World, options: { readonly podCidr: string; readonly directory: string }) {
    const cidr = parseCidr(options.podCidr);
    if (!cidr || cidr.address.family !== 4 || cidr.bits > 30) {
      throw new Error(`${JSON.stringify(options.podCidr)} is no range of IPv4 addresses for pods`);
    }
    this.#world = world;
    this.#directory = options.directory;
    this.#cidr = cidr;
    this.#last = Number(addressCount(cidr)) - 2;
    this.gateway = this.#at(1);
  }

  get leases(): Iterable<Lease> {
    return this.#bySandbox.values();
  }

  of(sandboxId: string): Lease | undefined {
    return this.#bySandbox.get(sandboxId);
  }

  /** Reads what an earlier agent wrote; `keep` says which of them still stand. */
  async load(keep: (lease: Lease) => boolean): Promise<void> {
    await this.#world.disk.makeDirectory(this.#directory);
    for (const { name, type } of (await this.#world.disk.list(this.#directory)) ?? []) {
      if (type !== 'file' || !parseIp(name)) continue;
      const path = `${this.#directory}/${name}`;
      const lease = readLease(name, await this.#world.disk.readText(path));
      if (lease && this.#holds(name) && keep(lease)) this.#add(lease);
      else await this.#world.disk.remove(path);
    }
  }

  /** Throws when the range is used up. The lease survives a restart once `saved` has resolved. */
  take(sandboxId: string, ports: readonly HostPort[]): { readonly lease: Lease; readonly saved: Promise<void> } {
    for (let tried = firstOffset; tried <= this.#last; tried++) {
      const ip = this.#at(this.#next);
      this.#next = this.#next >= this.#last ? firstOffset : this.#next + 1;
      if (this.#byIp.has(ip)) continue;
      return this.#keep({ sandboxId, ip, ports });
    }
    throw new Error(`all ${this.#last - 1} addresses for pods of this node are in use`);
  }

  /** An address that a sandbox has already. Throws when it is another's. */
  async claim(lease: Lease): Promise<void> {
    const holder = this.#byIp.get(lease.ip);
    if (holder && holder.sandboxId !== lease.sandboxId) {
      throw new Error(`the address ${lease.ip} is held by sandbox ${holder.sandboxId} already`);
    }
    if (!this.#holds(lease.ip)) throw new Error(`the address ${lease.ip} is none of this node's`);
    await this.#keep(lease).saved;
  }

  async giveBack(sandboxId: string): Promise<void> {
    const lease = this.#bySandbox.get(sandboxId);
    if (!lease) return;
    this.#bySandbox.delete(sandboxId);
    await this.#world.disk.remove(`${this.#directory}/${lease.ip}`);
    // Only now: the file of the next holder must not be the one that is removed.
    this.#byIp.delete(lease.ip);
  }

  #keep(lease: Lease): { readonly lease: Lease; readonly saved: Promise<void> } {
    this.#add(lease);
    const saved = this.#world.disk.write(`${this.#directory}/${lease.ip}`, `${JSON.stringify(lease)}\n`);
    return { lease, saved };
  }

  #add(lease: Lease): void {
    this.#bySandbox.set(lease.sandboxId, lease);
    this.#byIp.set(lease.ip, lease);
  }

  #holds(text: string): boolean {
    const ip = parseIp(text);
    return ip !== undefined && contains(this.#cidr, ip) && text !== this.gateway;
  }

  #at(offset: number): string {
    const ip = addressAt(this.#cidr, offset);
    if (!ip) throw new Error(`the range of pods has no address ${offset}`);
    return formatIp(ip);
  }
}

/** After the network's own address and the gateway's. */
const firstOffset = 2;

/** Undefined for a file that a crash or somebody else left unreadable: its address is free then. */
function readLease(ip: string, text: string | undefined): Lease | undefined {
  try {
    const lease = JSON.parse(text ?? '') as Partial<Lease> | null;
    if (typeof lease?.sandboxId !== 'string' || lease.ip !== ip || !Array.isArray(lease.ports)) return undefined;
    return lease as Lease;
  } catch {
    return undefined;
  }
}
