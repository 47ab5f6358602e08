/**
 * The simple JSON paths of custom resources: `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`, `.metadata.labels['app.kubernetes.io/name']`. They find values
 * for columns, for field selectors and for the scale subresource. Nothing is evaluated beyond steps and one comparison, so a hostile path costs no more than
 * walking the object once for each step.
 */

type Step =
  | { readonly is: 'field'; readonly name: string }
  | { readonly is: 'index'; readonly index: number }
  | { readonly is: 'all' }
  | { readonly is: 'where'; readonly path: readonly Step[]; readonly equals: boolean; readonly value: unknown };

export type JsonPath = readonly Step[];

/** Longer paths name no field of any object; they only cost time. */
const pathLengthMax = 4096;

const step =
  /^(?:\.([^.[\]\s'"*]+)|\.(\*)|\[(\*)\]|\[(-?\d{1,9})\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]|\[\?\(\s*@((?:[^=!()\\]|\\.)*?)\s*(==|!=)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|true|false|null|-?\d+(?:\.\d+)?)\s*\)\])/;

/** undefined when it is no path of this kind. A pair of braces around it is allowed, as kubectl writes paths. */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (text.length > pathLengthMax) return undefined;
  let rest = text.startsWith('{') && text.endsWith('}') ? text.slice(1, -1) : text;
  if (rest === '.') return [];
  const steps: Step[] = [];
  while (rest !== '') {
    const match = step.exec(rest);
    if (match === null) return undefined;
    rest = rest.slice(match[0].length);
    const [, name, anyField, anyItem, index, single, double, inner, operator, literal] = match;
    const quoted = single ?? double;
    if (name !== undefined) steps.push({ is: 'field', name: name.replaceAll('\\', '') });
    else if (quoted !== undefined) steps.push({ is: 'field', name: quoted.replace(/\\(.)/g, '$1') });
    else if (anyField !== undefined || anyItem !== undefined) steps.push({ is: 'all' });
    else if (index !== undefined) steps.push({ is: 'index', index: Number(index) });
    else if (inner !== undefined && literal !== undefined) {
      const path = parseJsonPath(inner === '' ? '.' : inner);
      if (path === undefined) return undefined;
      steps.push({ is: 'where', path, equals: operator === '==', value: literalOf(literal) });
    }
  }
  return steps;
}

function literalOf(text: string): unknown {
  if (text.startsWith('"') || text.startsWith("'")) return text.slice(1, -1).replace(/\\(.)/g, '$1');
  return JSON.parse(text) as unknown;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Every value that the path leads to, in order. */
export function valuesAt(path: JsonPath, root: unknown): readonly unknown[] {
  let values: unknown[] = [root];
  for (const one of path)
    values = values.flatMap((value) => [...stepInto(one, value)]).filter((value) => value !== undefined);
  return values;
}

function* stepInto(one: Step, value: unknown): Iterable<unknown> {
  switch (one.is) {
    case 'field':
      if (isRecord(value) && Object.hasOwn(value, one.name)) yield value[one.name];
      return;
    case 'index':
      if (Array.isArray(value)) yield value.at(one.index);
      return;
    case 'all':
      if (Array.isArray(value)) yield* value as readonly unknown[];
      else if (isRecord(value)) yield* Object.values(value);
      return;
    case 'where':
      if (!Array.isArray(value)) return;
      for (const item of value as readonly unknown[]) {
        const [found] = valuesAt(one.path, item);
        if (found !== undefined && (found === one.value) === one.equals) yield item;
      }
      return;
    default:
      one satisfies never;
  }
}
