/**
 * The Table form of objects, which `kubectl get` asks for: rows of cells from a kind's columns, with as much of each object as the client wants.
 * https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
 */
import type { AnyObject, ObjectMeta } from '#meta/object-meta.ts';
import { formatAge, parseTime } from '#meta/time.ts';
import type { Millis } from '#world/world.ts';
import { defaultColumns, type Cell, type Column, type Kind } from './kind.ts';

export interface ColumnDefinition {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

export interface TableRow {
  readonly cells: readonly Cell[];
  readonly object?: unknown;
}

export interface Table {
  readonly kind: 'Table';
  readonly apiVersion: 'meta.k8s.io/v1';
  readonly metadata: {
    readonly resourceVersion?: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
  readonly columnDefinitions: readonly ColumnDefinition[];
  readonly rows: readonly TableRow[];
}

export interface TableOptions {
  readonly now: Millis;
  readonly includeObject: 'None' | 'Metadata' | 'Object';
}

// oxlint-disable-next-line typescript/no-explicit-any -- any Kind, whatever its object type
type AnyKind = Kind<any, any>;

/** The columns of a kind as a Table names them. */
export function columnDefinitions(kind: AnyKind): readonly ColumnDefinition[] {
  return (kind.columns as readonly Column[]).map(({ name, type, format, description, priority }) => ({
    name,
    type,
    format: format ?? '',
    description,
    priority: priority ?? 0,
  }));
}

/** A table of one object carries its resourceVersion; of a list, the caller adds the list's own metadata. */
export function tableOf(kind: AnyKind, objects: readonly AnyObject[], options: TableOptions): Table {
  const columns = kind.columns as readonly Column[];
  const ages = showsAges(kind);
  const [only] = objects;
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: objects.length === 1 && only !== undefined ? { resourceVersion: only.metadata.resourceVersion } : {},
    columnDefinitions: columnDefinitions(kind),
    rows: objects.map((object) => ({
      cells: columns.map((column) => cellOf(column, object, { now: options.now, ages })),
      ...included(object, options.includeObject),
    })),
  };
}

/** Kinds without columns of their own show the instant; all others an age. */
const showsAges = (kind: AnyKind): boolean => kind.columns !== defaultColumns;

/** The cells of one object, printed as far as they do not change with time. */
export interface Row {
  /** JSON text, or the instant from which an age counts. */
  readonly cells: readonly (string | Millis)[];
  /** A cell looked at the clock: the row is true for this moment only. */
  readonly momentary: boolean;
  /** Of all text. */
  readonly length: number;
}

/** Prints the cells of an object once, for many tables. */
export function rowOf(kind: AnyKind, object: AnyObject, now: Millis): Row {
  const ages = showsAges(kind);
  let momentary = false;
  const context = {
    get now() {
      momentary = true;
      return now;
    },
  };
  let length = 0;
  const cells = (kind.columns as readonly Column[]).map((column) => {
    const start = parseTime(column.since?.(object) ?? '');
    if (start !== undefined) return start;
    const cell = column.cell(object, context) ?? null;
    const dated = column.type === 'date' && ages;
    const instant = dated && typeof cell === 'string' ? parseTime(cell) : undefined;
    if (instant !== undefined) return instant;
    const shown = dated && (typeof cell !== 'string' || cell === '') ? '<unknown>' : cell;
    const text = JSON.stringify(shown);
    length += text.length;
    return text;
  });
  return { cells, momentary, length };
}

/** The cells as JSON, without the brackets. */
export function rowText({ cells }: Row, now: Millis): string {
  let text = '';
  for (const cell of cells) {
    if (text !== '') text += ',';
    text += typeof cell === 'string' ? cell : `"${formatAge(now - cell)}"`;
  }
  return text;
}

function cellOf(column: Column, object: AnyObject, { now, ages }: { now: Millis; ages: boolean }): Cell {
  const cell = column.cell(object, { now });
  if (column.type !== 'date' || !ages) return cell ?? null;
  if (typeof cell !== 'string' || cell === '') return '<unknown>';
  const instant = parseTime(cell);
  return instant === undefined ? cell : formatAge(now - instant);
}

function included(object: AnyObject, includeObject: TableOptions['includeObject']): { object?: unknown } {
  switch (includeObject) {
    case 'Object':
      return { object };
    case 'Metadata':
      return { object: partialObjectMetadata(object) };
    case 'None':
      return {};
    default:
      return includeObject satisfies never;
  }
}

/** The object's metadata alone, as its own kind of object. */
export function partialObjectMetadata(object: AnyObject): {
  readonly kind: 'PartialObjectMetadata';
  readonly apiVersion: 'meta.k8s.io/v1';
  readonly metadata: ObjectMeta;
} {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}
