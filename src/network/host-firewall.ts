/**
 * A host with a firewall of its own may drop what it forwards (Docker's does). Where a forwarding chain drops by policy, the cluster's bridge is let
 * through by two rules at its top, marked with the bridge's name so that they are found again. It must never loosen anything else.
 */
import type { World } from '#world/world.ts';

interface NftChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

interface NftRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly comment?: string;
}

export async function acceptForwarding(world: World, bridge: string): Promise<void> {
  const commands: string[] = [];
  for (const chain of await droppingChains(world)) {
    const where = `${chain.family} ${chain.table} ${chain.name}`;
    if ((await ourRules(world, chain, bridge)).length > 0) continue;
    commands.push(
      `insert rule ${where} iifname "${bridge}" accept comment "${bridge}"`,
      `insert rule ${where} oifname "${bridge}" accept comment "${bridge}"`,
    );
  }
  await apply(world, commands);
}

export async function removeForwarding(world: World, bridge: string): Promise<void> {
  const commands: string[] = [];
  for (const chain of await droppingChains(world)) {
    for (const { family, table, chain: name, handle } of await ourRules(world, chain, bridge)) {
      commands.push(`delete rule ${family} ${table} ${name} handle ${handle}`);
    }
  }
  await apply(world, commands);
}

async function apply(world: World, commands: readonly string[]): Promise<void> {
  if (commands.length === 0) return;
  const { code, stderr } = await world.processes.run(['nft', '-f', '-'], { input: `${commands.join('\n')}\n` });
  if (code !== 0) throw new Error(`cannot let the cluster through this host's firewall: ${stderr.trim()}`);
}

async function droppingChains(world: World): Promise<readonly NftChain[]> {
  const all = await listed<{ chain?: NftChain }>(world, ['list', 'chains']);
  return all.flatMap(({ chain }) =>
    chain?.hook === 'forward' && chain.policy === 'drop' && ['ip', 'inet'].includes(chain.family) ? [chain] : [],
  );
}

async function ourRules(world: World, { family, table, name }: NftChain, bridge: string): Promise<readonly NftRule[]> {
  const all = await listed<{ rule?: NftRule }>(world, ['list', 'chain', family, table, name]);
  return all.flatMap(({ rule }) => (rule?.comment === bridge ? [rule] : []));
}

async function listed<T>(world: World, command: readonly string[]): Promise<readonly T[]> {
  const { code, stdout, stderr } = await world.processes.run(['nft', '-j', ...command]);
  if (code !== 0) throw new Error(`nft ${command.join(' ')} failed: ${stderr.trim()}`);
  return (JSON.parse(stdout) as { nftables: readonly T[] }).nftables;
}
