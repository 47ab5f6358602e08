/**
 * What the table holds and what it should hold. A change of a Service touches its own elements; two Services that want the same entry (one external address
 * twice) are told apart by name, the first one wins until it goes. It must be thrown away with the table: after a failure everything is written anew.
 */
import type { Elements, SetName } from './elements.ts';
import { setNames } from './elements.ts';
import { addElements, affinityChain, deleteElements, sizeChains, wholeTable, type TableFacts } from './table.ts';

type Owner = string;

export class TableState {
  readonly #facts: TableFacts;
  readonly #services = new Map<Owner, Elements>();
  /** Who wants an element, and with which value. */
  readonly #claims = new Map<SetName, Map<string, Map<Owner, string>>>(setNames.map((set) => [set, new Map()]));
  /** What the kernel has; undefined before the first whole table. */
  #standing: Map<SetName, Map<string, string>> | undefined;
  readonly #touched = new Map<SetName, Set<string>>(setNames.map((set) => [set, new Set()]));
  #sizes = new Set<number>();
  #affinities = new Set<number>();

  constructor(facts: TableFacts) {
    this.#facts = facts;
  }

  /** Undefined: the Service is gone. */
  set(owner: Owner, elements: Elements | undefined): void {
    for (const [set, members] of this.#services.get(owner)?.of ?? []) {
      for (const key of members.keys()) {
        if (elements?.of.get(set)?.get(key) === members.get(key)) continue;
        this.#claim(set, key, owner, undefined);
      }
    }
    for (const [set, members] of elements?.of ?? []) {
      for (const [key, value] of members) this.#claim(set, key, owner, value);
    }
    if (elements) this.#services.set(owner, elements);
    else this.#services.delete(owner);
  }

  /** Forgets what the kernel has: the next transaction replaces the table. */
  forget(): void {
    this.#standing = undefined;
  }

  /** The text that brings the table up to date, and what to call when nft took it. Undefined when nothing has changed. */
  transaction(): { readonly text: string; readonly done: () => void } | undefined {
    return this.#standing ? this.#differences(this.#standing) : this.#whole();
  }

  #whole(): { readonly text: string; readonly done: () => void } {
    const elements = new Map<SetName, Map<string, string>>();
    for (const [set, keys] of this.#claims) {
      elements.set(set, new Map([...keys.keys()].map((key) => [key, this.#wanted(set, key) as string])));
    }
    const sizes = new Set<number>();
    const affinities = new Set<number>();
    for (const service of this.#services.values()) {
      for (const size of service.sizes) sizes.add(size);
      for (const seconds of service.affinities) affinities.add(seconds);
    }
    for (const touched of this.#touched.values()) touched.clear();
    return {
      text: wholeTable(this.#facts, elements, { sizes, affinities }),
      done: () => {
        this.#standing = elements;
        this.#sizes = sizes;
        this.#affinities = affinities;
      },
    };
  }

  #differences(
    standing: Map<SetName, Map<string, string>>,
  ): { readonly text: string; readonly done: () => void } | undefined {
    const { table } = this.#facts;
    const sizes = new Set<number>();
    const affinities = new Set<number>();
    const removals: string[] = [];
    const additions: string[] = [];
    const results: (() => void)[] = [];
    for (const [set, touched] of this.#touched) {
      if (touched.size === 0) continue;
      const members = standing.get(set) as Map<string, string>;
      const gone: string[] = [];
      const fresh: [string, string][] = [];
      for (const key of touched) {
        const wanted = this.#wanted(set, key);
        const before = members.get(key);
        if (wanted === before) continue;
        if (before !== undefined) gone.push(key);
        if (wanted !== undefined) fresh.push([key, wanted]);
      }
      touched.clear();
      removals.push(...deleteElements(table, set, gone));
      additions.push(...addElements(table, set, fresh));
      for (const [, value] of fresh) {
        const [, kind, number] = /^(?:goto|jump) (draw|pick|affinity)-(\d+)$/.exec(value) ?? [];
        if (kind === 'affinity' && !this.#affinities.has(Number(number))) affinities.add(Number(number));
        else if (kind && kind !== 'affinity' && !this.#sizes.has(Number(number))) sizes.add(Number(number));
      }
      results.push(() => {
        for (const key of gone) members.delete(key);
        for (const [key, value] of fresh) members.set(key, value);
      });
    }
    if (removals.length === 0 && additions.length === 0) return undefined;
    const chains = [
      ...[...sizes].flatMap((size) => sizeChains(table, size)),
      ...[...affinities].flatMap((seconds) => affinityChain(table, seconds)),
    ];
    return {
      text: `${[...chains, ...removals, ...additions].join('\n')}\n`,
      done: () => {
        for (const run of results) run();
        for (const size of sizes) this.#sizes.add(size);
        for (const seconds of affinities) this.#affinities.add(seconds);
      },
    };
  }

  #claim(set: SetName, key: string, owner: Owner, value: string | undefined): void {
    const keys = this.#claims.get(set) as Map<string, Map<Owner, string>>;
    let owners = keys.get(key);
    if (owners?.get(owner) === value) return;
    if (value === undefined) {
      owners?.delete(owner);
      if (owners?.size === 0) keys.delete(key);
    } else {
      if (!owners) keys.set(key, (owners = new Map()));
      owners.set(owner, value);
    }
    this.#touched.get(set)?.add(key);
  }

  #wanted(set: SetName, key: string): string | undefined {
    const owners = this.#claims.get(set)?.get(key);
    if (!owners) return undefined;
    let first: Owner | undefined;
    for (const owner of owners.keys()) if (first === undefined || owner < first) first = owner;
    return first === undefined ? undefined : owners.get(first);
  }
}
