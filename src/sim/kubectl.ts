/** The part of kubectl that stories need: apply, and get as a table. */
import { allKinds, kindByPlural } from '#api/kinds.ts';
import type { AnyKind, Client } from '#client/client.ts';
import type { AnyObject } from '#meta/object-meta.ts';
import { parseYaml } from '#meta/yaml.ts';
import { apiVersionOf } from '#schema/kind.ts';
import { tableOf } from '#schema/table.ts';
import type { Millis } from '#world/world.ts';

/** Server-side apply of every document; answers the objects. */
export async function applyAll(client: Client, yaml: string): Promise<readonly AnyObject[]> {
  const applied: AnyObject[] = [];
  for (const document of parseYaml(yaml)) {
    const object = document as { apiVersion: string; kind: string; metadata: { name: string; namespace?: string } };
    const kind = allKinds.find(
      (each) => apiVersionOf(each) === object.apiVersion && each.kind === object.kind && !each.storedAs,
    );
    if (!kind) throw new Error(`${object.apiVersion} ${object.kind} is not served`);
    const { name, namespace = 'default' } = object.metadata;
    const place = kind.scope === 'Namespaced' ? { namespace } : {};
    const body = kind.scope === 'Namespaced' ? { ...object, metadata: { ...object.metadata, namespace } } : object;
    applied.push(
      (await client.patch(
        kind,
        name,
        { type: 'apply', body },
        { ...place, force: true, fieldManager: 'kubectl' },
      )) as AnyObject,
    );
  }
  return applied;
}

function resourceOf(word: string): AnyKind {
  const wanted = word.toLowerCase();
  const kind =
    allKinds.find(
      (each) => !each.storedAs && [each.plural, each.kind.toLowerCase(), ...(each.shortNames ?? [])].includes(wanted),
    ) ?? kindByPlural('', 'v1', wanted);
  if (!kind) throw new Error(`the server doesn't have a resource type "${word}"`);
  return kind;
}

/** `get`: a resource, a name, -n, -A, -l, -o wide. */
export async function tableFor(client: Client, command: string, now: () => Millis): Promise<string> {
  const words = command.split(/\s+/).filter(Boolean);
  if (words[0] === 'kubectl') words.shift();
  if (words.shift() !== 'get') throw new Error(`${command}: only get is known here`);
  const flags: { namespace?: string; all?: boolean; selector?: string; wide?: boolean } = { namespace: 'default' };
  const names: string[] = [];
  while (words.length > 0) {
    const word = words.shift() as string;
    if (word === '-n') flags.namespace = words.shift() ?? 'default';
    else if (word === '-A') flags.all = true;
    else if (word === '-l') flags.selector = words.shift() ?? '';
    else if (word === '-o') flags.wide = words.shift() === 'wide';
    else names.push(word);
  }
  const kind = resourceOf(names.shift() ?? '');
  const place = kind.scope === 'Namespaced' && !flags.all ? { namespace: flags.namespace ?? 'default' } : {};
  const { items } = await client.list(kind, {
    ...place,
    ...(flags.selector === undefined ? {} : { labelSelector: flags.selector }),
  });
  const objects = (items as readonly AnyObject[]).filter(
    ({ metadata }) => names.length === 0 || names.includes(metadata.name),
  );
  if (objects.length === 0) return 'No resources found';
  const table = tableOf(kind, objects, { now: now(), includeObject: 'None' });
  const shown = table.columnDefinitions.flatMap(({ priority }, index) => (priority === 0 || flags.wide ? [index] : []));
  const rows = [
    [
      ...(flags.all && kind.scope === 'Namespaced' ? ['NAMESPACE'] : []),
      ...shown.map((index) => table.columnDefinitions[index]?.name.toUpperCase() ?? ''),
    ],
    ...table.rows.map(({ cells }, row) => [
      ...(flags.all && kind.scope === 'Namespaced' ? [objects[row]?.metadata.namespace ?? ''] : []),
      ...shown.map((index) => String(cells[index] ?? '<none>')),
    ]),
  ];
  const widths = (rows[0] as string[]).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 3))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}
