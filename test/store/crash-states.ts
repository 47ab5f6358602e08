/**
 * What a disk may hold after a power cut, computed from a recording: what was synced is there; of what was written since, any part may be
 * there or not, in any order, sector by sector; a file or its removal is certain only after its directory was synced.
 */
import type { DiskEvent } from './recording.ts';

/** The smallest piece that a disk writes whole. */
const sectorBytes = 512;

/** Choices that turn out to be a state already made are made again, so often. */
const triesEach = 2;

type Change = Extract<DiskEvent, { is: 'write' | 'truncate' }>;

/** One file: `changes` since its last sync are uncertain. */
interface File {
  /** Tells this file from a later one of the same name. */
  readonly id: number;
  durable: Buffer;
  /** Changes whenever `durable` does. */
  version: number;
  changes: Change[];
}

/** The files as they may be found, and what had been promised by then. */
export interface CrashState {
  readonly files: ReadonlyMap<string, Buffer>;
  readonly acknowledged: number;
  /** The event after which the power went, and the choices made: for the message. */
  readonly at: number;
  readonly how: string;
}

export class CrashStates {
  readonly #random: () => number;
  /** By name: as a running program sees the directory, and as it was last synced. */
  #seen = new Map<string, File>();
  #synced = new Map<string, File>();
  #acknowledged = 0;
  #ids = 0;
  /** States that were made already. */
  readonly #made = new Set<string>();

  constructor(files: ReadonlyMap<string, Buffer>, random: () => number) {
    this.#random = random;
    for (const [name, durable] of files) this.#seen.set(name, { id: ++this.#ids, durable, version: 0, changes: [] });
    this.#synced = new Map(this.#seen);
  }

  /** The power holds out for one more event. */
  apply(event: DiskEvent): void {
    switch (event.is) {
      case 'ack':
        this.#acknowledged = Math.max(this.#acknowledged, event.revision);
        return;
      case 'sync-directory':
        this.#synced = new Map(this.#seen);
        return;
      case 'unlink':
        this.#seen.delete(event.file);
        return;
      case 'create':
        if (!this.#seen.has(event.file))
          this.#seen.set(event.file, { id: ++this.#ids, durable: Buffer.alloc(0), version: 0, changes: [] });
        return;
      case 'sync': {
        const file = this.#file(event.file);
        if (file.changes.length === 0) return;
        file.durable = contentOf(file, () => whole);
        file.version++;
        file.changes = [];
        return;
      }
      default:
        this.#file(event.file).changes.push(event);
    }
  }

  #file(name: string): File {
    const file = this.#seen.get(name);
    if (!file) throw new Error(`${name} is used, but does not exist`);
    return file;
  }

  /** Up to `count` states that the disk may be in now and that were not made before. */
  *at(index: number, count: number): Generator<CrashState> {
    const random = this.#random;
    const total = new Set([...this.#seen.values(), ...this.#synced.values()].flatMap(({ changes }) => changes)).size;
    const sameDirectory =
      this.#seen.size === this.#synced.size && [...this.#seen].every(([name, file]) => this.#synced.get(name) === file);
    let made = 0;
    for (let i = 0; i < count * triesEach && made < count; i++) {
      // First the extremes: everything has arrived (a mere kill), nothing has.
      const way = i === 0 ? 1 : i === 1 ? 0 : random();
      const kind = i < 2 ? 'all' : (['some', 'some', 'torn', 'hole', 'one'] as const)[Math.floor(random() * 5)];
      const dropped = Math.floor(random() * total);
      const chosen = new Map<Change, Kept>();
      let number = 0;
      const keep = (change: Change): Kept => {
        let kept = chosen.get(change);
        if (kept === undefined) {
          const sectors =
            change.is === 'write' ? Math.ceil(((change.offset % sectorBytes) + change.data.length) / sectorBytes) : 1;
          if (kind === 'all') kept = way === 1 ? whole : none;
          else if (kind === 'one') kept = number === dropped ? none : whole;
          else if (kind === 'torn' && sectors > 1 && random() < 0.5) kept = Math.floor(random() * 2 ** sectors);
          else kept = random() < way ? whole : none;
          if (change.is === 'write' && (kept === none || kept >= 2 ** sectors)) kept = kept === none ? none : whole;
          number++;
          chosen.set(change, kept);
        }
        return kept;
      };
      const names = new Map<string, File>(this.#seen);
      if (!sameDirectory) {
        for (const name of new Set([...this.#seen.keys(), ...this.#synced.keys()])) {
          const [now, then] = [this.#seen.get(name), this.#synced.get(name)];
          if (now === then || random() < way) continue;
          if (then) names.set(name, then);
          else names.delete(name);
        }
      }
      const signature = [`${this.#acknowledged}`];
      for (const [name, file] of names) {
        signature.push(`${name}#${file.id}.${file.version}`);
        for (const change of file.changes) signature.push(String(keep(change)));
      }
      if (kind === 'hole') signature.push('hole');
      const how = signature.join(' ');
      if (this.#made.has(how)) {
        if (total === 0 && sameDirectory) return;
        continue;
      }
      this.#made.add(how);
      made++;
      const files = new Map<string, Buffer>();
      for (const [name, file] of names) files.set(name, contentOf(file, keep, kind === 'hole' ? 0x5a : 0));
      yield { files, acknowledged: this.#acknowledged, at: index, how: `${kind} ${way.toFixed(2)}: ${how}` };
    }
  }
}

/** Which sectors of a change have arrived, as bits. */
type Kept = number;
const none = 0;
const whole = -1;

/** `hole` fills what lies between the old end and something that arrived behind it: zeros, or what the disk held before. */
function contentOf(file: File, keep: (change: Change) => Kept, hole = 0): Buffer {
  let size = file.durable.length;
  let needed = size;
  for (const change of file.changes)
    if (change.is === 'write') needed = Math.max(needed, change.offset + change.data.length);
  const bytes = Buffer.alloc(needed, hole);
  file.durable.copy(bytes);
  for (const change of file.changes) {
    const kept = keep(change);
    if (kept === none) continue;
    if (change.is === 'truncate') {
      if (change.size < size) bytes.fill(0, change.size, size);
      size = change.size;
    } else if (kept === whole) {
      change.data.copy(bytes, change.offset);
      size = Math.max(size, change.offset + change.data.length);
    } else {
      const first = change.offset - (change.offset % sectorBytes);
      for (let bit = 0, at = first; at < change.offset + change.data.length; bit++, at += sectorBytes) {
        if (!(kept & (1 << bit))) continue;
        const from = Math.max(0, at - change.offset);
        const to = Math.min(change.data.length, at + sectorBytes - change.offset);
        change.data.copy(bytes, change.offset + from, from, to);
        size = Math.max(size, change.offset + to);
      }
    }
  }
  return bytes.subarray(0, size);
}
