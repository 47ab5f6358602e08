/**
 * The scheduler's picture of all nodes: amounts as columns of numbers (one array a resource, one row a node), the rest per row. Pods that were just placed but
 * not yet seen bound are in it already ("assumed"), so that the next pod finds the room gone. Synchronous; knows no API.
 */
import type { Node } from '#api/core/node.ts';
import { amountOf, type PodDemand } from './pod-demand.ts';

export interface Column {
  allocatable: Float64Array;
  requested: Float64Array;
}

const rowsAtStart = 16;
/** Pods a node takes when it does not say. */
const podsDefault = 110;

export class NodeTable {
  readonly #rows = new Map<string, number>();
  readonly #free: number[] = [];
  #rowCount = 0;
  #capacity = rowsAtStart;
  /** Undefined where a pod names a node that does not exist (any more). */
  readonly nodes: (Node | undefined)[] = [];
  readonly columns = new Map<string, Column>();
  guessedCpu = new Float64Array(rowsAtStart);
  guessedMemory = new Float64Array(rowsAtStart);
  readonly pods: Map<string, PodDemand>[] = [];
  readonly ports: Map<string, number>[] = [];
  readonly #places = new Map<string, number>();
  /** Pods with required terms against neighbours, and pods with any terms: few, and asked about for every pod. */
  readonly repelling = new Map<string, PodDemand>();
  readonly attracting = new Map<string, PodDemand>();
  readonly #byController = new Map<string, Set<string>>();

  /** Rows that hold a node. */
  *rows(): Generator<number> {
    for (let row = 0; row < this.#rowCount; row++) if (this.nodes[row]) yield row;
  }

  get size(): number {
    let count = 0;
    for (let row = 0; row < this.#rowCount; row++) if (this.nodes[row]) count++;
    return count;
  }

  nameOf(row: number): string {
    return (this.nodes[row] as Node).metadata.name;
  }

  rowOf(name: string): number | undefined {
    return this.#rows.get(name);
  }

  /** The row a pod stands in. */
  placeOf(uid: string): number | undefined {
    return this.#places.get(uid);
  }

  podsOfController(uid: string): readonly string[] {
    return [...(this.#byController.get(uid) ?? [])];
  }

  column(name: string): Column {
    let column = this.columns.get(name);
    if (!column) {
      column = { allocatable: new Float64Array(this.#capacity), requested: new Float64Array(this.#capacity) };
      this.columns.set(name, column);
    }
    return column;
  }

  setNode(node: Node): void {
    const row = this.#rowFor(node.metadata.name);
    this.nodes[row] = node;
    const allocatable = node.status?.allocatable ?? {};
    for (const [name, column] of this.columns) if (allocatable[name] === undefined) column.allocatable[row] = 0;
    for (const [name, text] of Object.entries(allocatable)) this.column(name).allocatable[row] = amountOf(name, text);
    if (allocatable['pods'] === undefined) this.column('pods').allocatable[row] = podsDefault;
  }

  removeNode(name: string): void {
    const row = this.#rows.get(name);
    if (row === undefined) return;
    this.nodes[row] = undefined;
    this.#release(name, row);
  }

  /** Puts a pod on a node, in the place of what was known of it. */
  setPod(demand: PodDemand, nodeName: string): void {
    this.removePod(demand.uid);
    const row = this.#rowFor(nodeName);
    (this.pods[row] as Map<string, PodDemand>).set(demand.uid, demand);
    this.#places.set(demand.uid, row);
    this.#count(row, demand, 1);
    const ports = this.ports[row] as Map<string, number>;
    for (const port of demand.hostPorts) ports.set(port, (ports.get(port) ?? 0) + 1);
    if (demand.antiAffinity.length > 0) this.repelling.set(demand.uid, demand);
    if (demand.pod.spec.affinity?.podAffinity || demand.pod.spec.affinity?.podAntiAffinity) {
      this.attracting.set(demand.uid, demand);
    }
    if (demand.controller !== undefined) {
      const siblings = this.#byController.get(demand.controller);
      if (siblings) siblings.add(demand.uid);
      else this.#byController.set(demand.controller, new Set([demand.uid]));
    }
  }

  removePod(uid: string): void {
    const row = this.#places.get(uid);
    if (row === undefined) return;
    const pods = this.pods[row] as Map<string, PodDemand>;
    const demand = pods.get(uid) as PodDemand;
    pods.delete(uid);
    this.#places.delete(uid);
    this.#count(row, demand, -1);
    const ports = this.ports[row] as Map<string, number>;
    for (const port of demand.hostPorts) {
      const left = (ports.get(port) ?? 0) - 1;
      if (left > 0) ports.set(port, left);
      else ports.delete(port);
    }
    this.repelling.delete(uid);
    this.attracting.delete(uid);
    if (demand.controller !== undefined) {
      const siblings = this.#byController.get(demand.controller);
      siblings?.delete(uid);
      if (siblings?.size === 0) this.#byController.delete(demand.controller);
    }
    if (pods.size > 0 || this.nodes[row]) return;
    const name = [...this.#rows].find(([, each]) => each === row)?.[0];
    if (name !== undefined) this.#release(name, row);
  }

  #count(row: number, demand: PodDemand, sign: 1 | -1): void {
    for (const [name, amount] of demand.amounts) {
      const { requested } = this.column(name);
      requested[row] = (requested[row] as number) + sign * amount;
    }
    const { requested } = this.column('pods');
    requested[row] = (requested[row] as number) + sign;
    this.guessedCpu[row] = (this.guessedCpu[row] as number) + sign * demand.guessedCpu;
    this.guessedMemory[row] = (this.guessedMemory[row] as number) + sign * demand.guessedMemory;
  }

  #rowFor(name: string): number {
    const present = this.#rows.get(name);
    if (present !== undefined) return present;
    const row = this.#free.pop() ?? this.#rowCount++;
    if (row >= this.#capacity) this.#grow();
    this.#rows.set(name, row);
    this.nodes[row] = undefined;
    this.pods[row] = new Map();
    this.ports[row] = new Map();
    return row;
  }

  #release(name: string, row: number): void {
    for (const column of this.columns.values()) column.allocatable[row] = 0;
    if ((this.pods[row] as Map<string, PodDemand>).size > 0) return;
    this.#rows.delete(name);
    this.#free.push(row);
  }

  #grow(): void {
    this.#capacity *= 2;
    const wider = (old: Float64Array): Float64Array<ArrayBuffer> => {
      const array = new Float64Array(this.#capacity);
      array.set(old);
      return array;
    };
    for (const column of this.columns.values()) {
      column.allocatable = wider(column.allocatable);
      column.requested = wider(column.requested);
    }
    this.guessedCpu = wider(this.guessedCpu);
    this.guessedMemory = wider(this.guessedMemory);
  }
}
