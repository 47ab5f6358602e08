/**
 * Plugins about room: amounts, the number of pods, host ports, and how evenly a node is used.
 */
import { scoreMax, type Plugin, type Refusal } from '../framework.ts';

const roomMade = (event: { readonly type: string }): boolean =>
  event.type === 'pod-gone' || event.type === 'node-added' || event.type === 'node-changed';

export const nodeResourcesFit: Plugin = {
  name: 'NodeResourcesFit',
  weight: 1,
  filter(pod, { table }) {
    const wanted = [...pod.amounts]
      .filter(([, amount]) => amount > 0)
      .map(([name, amount]) => ({ name, amount, column: table.column(name) }));
    const places = table.column('pods');
    return (row) => {
      let reasons: string[] | undefined;
      let final = false;
      if ((places.requested[row] as number) + 1 > (places.allocatable[row] as number))
        (reasons ??= []).push('Too many pods');
      for (const { name, amount, column } of wanted) {
        const allocatable = column.allocatable[row] as number;
        if (amount <= allocatable - (column.requested[row] as number)) continue;
        (reasons ??= []).push(`Insufficient ${name}`);
        if (amount > allocatable) final = true;
      }
      return reasons && ({ reasons, final } satisfies Refusal);
    };
  },
  score(pod, { table }) {
    const cpu = table.column('cpu').allocatable;
    const memory = table.column('memory').allocatable;
    const free = (allocatable: number, used: number): number =>
      allocatable === 0 || used > allocatable ? 0 : Math.floor(((allocatable - used) * scoreMax) / allocatable);
    return (row) =>
      Math.floor(
        (free(cpu[row] as number, (table.guessedCpu[row] as number) + pod.guessedCpu) +
          free(memory[row] as number, (table.guessedMemory[row] as number) + pod.guessedMemory)) /
          2,
      );
  },
  hint: roomMade,
};

export const balancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  score(pod, { table }) {
    const cpuWanted = pod.amounts.get('cpu') ?? 0;
    const memoryWanted = pod.amounts.get('memory') ?? 0;
    // A pod that asks for nothing changes no balance.
    if (cpuWanted === 0 && memoryWanted === 0) return undefined;
    const cpu = table.column('cpu');
    const memory = table.column('memory');
    const fraction = (wanted: number, allocatable: number): number =>
      allocatable === 0 ? 0 : Math.min(1, wanted / allocatable);
    return (row) => {
      const a = fraction((cpu.requested[row] as number) + cpuWanted, cpu.allocatable[row] as number);
      const b = fraction((memory.requested[row] as number) + memoryWanted, memory.allocatable[row] as number);
      return Math.floor((1 - Math.abs(a - b) / 2) * scoreMax);
    };
  },
};

const portsTaken: Refusal = { reasons: ["node(s) didn't have free ports for the requested pod ports"], final: false };

export const nodePorts: Plugin = {
  name: 'NodePorts',
  filter(pod, { table }) {
    if (pod.hostPorts.length === 0) return undefined;
    const wanted = pod.hostPorts.map(split);
    return (row) => {
      for (const taken of (table.ports[row] as Map<string, number>).keys()) {
        const there = split(taken);
        for (const here of wanted) {
          const sameAddress =
            here.address === there.address || here.address === anyAddress || there.address === anyAddress;
          if (sameAddress && here.port === there.port) return portsTaken;
        }
      }
      return undefined;
    };
  },
  hint: roomMade,
};

const anyAddress = '0.0.0.0';
const split = (text: string): { readonly address: string; readonly port: string } => {
  const slash = text.indexOf('/');
  return { address: text.slice(0, slash), port: text.slice(slash + 1) };
};
