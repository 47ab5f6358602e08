/**
 * A Service's address as the node's own: cluster DNS answers on every node by itself, on the one address that all pods know. The proxy
 * must leave such an address alone.
 */
import { parseIp } from '#base/cidr.ts';
import type { World } from '#world/world.ts';

/** Adds the address to this namespace's loopback; nothing happens when it is there. */
export async function addServiceAddress(world: World, address: string): Promise<void> {
  const ip = parseIp(address);
  if (!ip) throw new Error(`${address} is no address`);
  const bits = ip.family === 4 ? 32 : 128;
  const { code, stderr } = await world.processes.run(['ip', 'address', 'replace', `${address}/${bits}`, 'dev', 'lo']);
  if (code !== 0) throw new Error(`cannot give this node the address ${address}: ${stderr.trim()}`);
}
