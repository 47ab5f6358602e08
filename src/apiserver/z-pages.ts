/**
 * `/statusz` and `/flagz`: what runs here and how it was configured, for people who debug (KEP-4827, KEP-4828). Plain text by default, an object of config.k8s.io for those
 * who ask for one. They show no secret: keys and certificates are no flags.
 */
import { ApiError } from '#meta/status.ts';
import type { Clock, Millis } from '#world/world.ts';

const component = 'kube-apiserver';
const group = 'config.k8s.io/v1alpha1';
const warning =
  'Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.';

export interface ZPagesOptions {
  readonly version: {
    readonly gitVersion: string;
    readonly major: string;
    readonly minor: string;
    readonly goVersion: string;
  };
  /** Names as upstream's command line has them. */
  readonly flags: Readonly<Record<string, string>>;
  /** Paths that are no resources. */
  readonly paths: readonly string[];
}

/** Answers a page; undefined for another path. Throws NotAcceptable. */
export type ZPages = (path: string, accept: string) => { readonly type: string; readonly text: string } | undefined;

export function zPages(clock: Clock, { version, flags, paths }: ZPagesOptions): ZPages {
  const startedAt = clock.now();
  return (path, accept) => {
    if (path === '/statusz') {
      const upMs = clock.now() - startedAt;
      const started = new Date(startedAt);
      const facts = {
        startTime: `${started.toISOString().slice(0, 19)}Z`,
        uptimeSeconds: Math.floor(upMs / 1000),
        goVersion: version.goVersion,
        binaryVersion: version.gitVersion.replace(/^v/, '').replace(/[-+].*$/, ''),
        emulationVersion: `${version.major}.${version.minor}`,
        paths,
      };
      const lines = [
        `Started: ${started.toUTCString()}`,
        `Up: ${spelled(upMs)}`,
        `Go version: ${facts.goVersion}`,
        `Binary version: ${facts.binaryVersion}`,
        `Emulation version: ${facts.emulationVersion}`,
        `Paths: ${paths.join(' ')}`,
      ];
      return formed(accept, { kind: 'Statusz', title: 'statusz', lines, facts });
    }
    if (path === '/flagz') {
      const lines = Object.keys(flags)
        .toSorted()
        .map((name) => `${name}=${flags[name]}`);
      return formed(accept, { kind: 'Flagz', title: 'flagz', lines, facts: { flags } });
    }
    return undefined;
  };
}

function spelled(ms: Millis): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${Math.floor(seconds / 3600)} hr ${two(Math.floor(seconds / 60) % 60)} min ${two(seconds % 60)} sec`;
}

interface Page {
  readonly kind: string;
  readonly title: string;
  readonly lines: readonly string[];
  readonly facts: object;
}

function formed(accept: string, { kind, title, lines, facts }: Page): { type: string; text: string } {
  const wishes = accept.split(',').map((wish) => wish.trim());
  for (const wish of wishes) {
    const [type = '', ...parameters] = wish.split(';').map((part) => part.trim());
    if (type === '' || type === '*/*' || type === 'text/*' || type === 'text/plain')
      return {
        type: 'text/plain; charset=utf-8',
        text: `\n${component} ${title}\n${warning}\n\n${lines.join('\n')}\n`,
      };
    const asked = ['g=config.k8s.io', 'v=v1alpha1', `as=${kind}`];
    if (type === 'application/json' && asked.every((parameter) => parameters.includes(parameter)))
      return {
        type: 'application/json',
        text: JSON.stringify({ kind, apiVersion: group, metadata: { name: component }, ...facts }),
      };
  }
  throw new ApiError('NotAcceptable', 'only the following media types are accepted: text/plain, application/json');
}
