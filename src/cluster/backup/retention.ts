/**
 * Which backups are kept: the youngest ones, the last of each hour of a day, the last of each day of a week. Pure: names in,
 * names out.
 */
import type { Millis } from '#world/world.ts';

export interface Retention {
  readonly recent: number;
  readonly hourly: number;
  readonly daily: number;
}

/** With a backup every five minutes: an hour, a day, a week. */
export const retentionDefault: Retention = { recent: 12, hourly: 24, daily: 7 };

const hourMs: Millis = 60 * 60 * 1_000;
const dayMs: Millis = 24 * hourMs;

/** `20260102T030405Z-r1234.db`: when it was begun, and the revision that stood then; it may hold some more. */
export function backupName(at: Millis, revision: number): string {
  const time = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '');
  return `${time}-r${revision}.db`;
}

/** When a backup was made; undefined for a file that is none. */
export function backupTime(name: string): Millis | undefined {
  const found = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-r\d+\.db$/.exec(name);
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** The backups among `names` that nothing keeps any more. Other files are not ours to judge. */
export function expiredBackups(names: readonly string[], { recent, hourly, daily }: Retention): readonly string[] {
  const backups = names
    .flatMap((name) => {
      const at = backupTime(name);
      return at === undefined ? [] : [{ name, at }];
    })
    .toSorted((a, b) => b.at - a.at || (a.name < b.name ? 1 : -1));
  const kept = new Set(backups.slice(0, recent).map(({ name }) => name));
  // The youngest of each span is its last one; spans without any backup do not count.
  for (const [span, count] of [
    [hourMs, hourly],
    [dayMs, daily],
  ] as const) {
    const seen = new Set<number>();
    for (const { name, at } of backups) {
      const number = Math.floor(at / span);
      if (seen.has(number)) continue;
      if (seen.size >= count) break;
      seen.add(number);
      kept.add(name);
    }
  }
  return backups.map(({ name }) => name).filter((name) => !kept.has(name));
}
