/**
 * The plan of the house as a test: reads every file under src and fails on an import that points up or sideways, on an
 * unknown folder, on machine I/O outside world/node/, and on the habits that DESIGN calls bad. Every exception stands here,
 * with its reason; a new one is a decision, not a convenience.
 */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const root = import.meta.dirname;

/** A floor imports lower numbers only; floors with one number do not import each other. */
const floors: Readonly<Record<string, number>> = {
  base: 0,
  world: 1,
  meta: 2,
  schema: 3,
  api: 4,
  store: 4,
  client: 4,
  images: 4,
  apiserver: 5,
  runtime: 5,
  controllers: 6,
  scheduler: 6,
  kubelet: 6,
  proxy: 6,
  dns: 6,
  network: 6,
  ingress: 6,
  registry: 6,
  metrics: 6,
  logs: 6,
  federation: 6,
  kubectl: 6,
  dashboard: 6,
  cluster: 7,
  cli: 8,
  sim: 8,
};

/** Components reach the API through the client and nothing else. */
const componentFloor = 6;
const notForComponents = new Set(['apiserver', 'store']);

/** Where a whole program is put together: the only places that choose the real World. */
const composition = new Set(['cluster', 'cli', 'sim']);

/** Computation without a machine: the rest of node's modules belongs to world/node/. */
const pureBuiltins = new Set(
  [
    'assert',
    'assert/strict',
    'buffer',
    'crypto',
    'events',
    'path',
    'path/posix',
    'punycode',
    'querystring',
    'stream',
    'stream/promises',
    'string_decoder',
    'url',
    'util',
    'zlib',
  ].map((name) => `node:${name}`),
);

/** Words that reach the machine without an import. */
const machineWords: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['Date.now', /\bDate\s*\.\s*now\b/],
  ['new Date() of now', /\bnew\s+Date\s*(\(\s*\)|(?![\s(\w.]))/],
  ['performance', /\bperformance\s*\./],
  ['Math.random', /\bMath\s*\.\s*random\b/],
  ['randomness of node:crypto', /\b(randomBytes|randomUUID|randomInt|randomFill|randomFillSync|getRandomValues)\b/],
  ['timers', /(?<![.\w])(setTimeout|setInterval|setImmediate|clearTimeout|clearInterval|clearImmediate)\b/],
  ['AbortSignal.timeout', /\bAbortSignal\s*\.\s*timeout\b/],
  ['process', /(?<![.\w$'"#-])process\s*\.\s*\w/],
  ['fetch', /(?:\b(?:await|return)|[=(,?:]|=>)\s*fetch\s*\(/],
  ['console', /(?<![.\w])console\s*\./],
];

/** Path (or folder, with a slash at its end) → what it may use, and why. */
const exceptions: readonly { path: string; allows: readonly string[]; because: string }[] = [
  { path: 'world/node/', allows: ['*'], because: 'it is the door to the machine' },
  {
    path: 'store/sqlite/',
    allows: ['node:sqlite', 'node:worker_threads'],
    because: 'the database is a library with its own thread',
  },
  { path: 'base/regexp.ts', allows: ['node:module'], because: 'the engine is loaded at the first pattern' },
  { path: 'images/demo/', allows: ['*'], because: 'programs of the demo image: they run in containers' },
  { path: 'kubelet/oci/relay.mjs', allows: ['*'], because: "a program of its own, started inside a pod's network" },
  {
    path: 'cli/main.ts',
    allows: ['process', 'console'],
    because: 'a command reads its arguments, prints and sets its exit code',
  },
];

interface Source {
  /** Relative to src, with slashes. */
  readonly path: string;
  readonly floor: string;
  readonly text: string;
  /** The text with comments and the insides of strings and templates blanked. */
  readonly code: string;
  readonly isTest: boolean;
}

function sources(): Source[] {
  return (
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.[cm]?[jt]sx?$/.test(entry.name))
      .map((entry) => {
        const path = relative(root, join(entry.parentPath, entry.name));
        const text = readFileSync(join(root, path), 'utf8');
        // Fixtures and programs for tests are called test-…, shared suites suite.ts.
        const isTest = /\.test\.ts$|^test-|^suite\.ts$/.test(entry.name) || path === 'images/testing.ts';
        return { path, floor: path.split('/')[0] as string, text, code: blank(text), isTest };
      })
      // What a generator wrote follows the generator's habits.
      .filter(({ path }) => path !== 'tidy.test.ts' && !path.includes('/gen/'))
  );
}

/** Module specifiers of static, re-exporting, dynamic and type imports. */
function importsOf({ text, code }: Source): string[] {
  const found: string[] = [];
  for (const match of code.matchAll(/\b(?:from|import)\s*\(?\s*(['"])/g)) {
    const start = match.index + match[0].length;
    const end = text.indexOf(match[1] as string, start);
    found.push(text.slice(start, end));
  }
  return found;
}

function allowed({ path, isTest }: Source, what: string): boolean {
  if (isTest) return true;
  return exceptions.some(
    (exception) =>
      (exception.path.endsWith('/') ? path.startsWith(exception.path) : path === exception.path) &&
      (exception.allows.includes('*') || exception.allows.includes(what)),
  );
}

/** Runs a rule over all files and fails with one line for each breach. */
function rule(title: string, check: (source: Source) => Iterable<string>): void {
  test(title, () => {
    const breaches = sources().flatMap((source) => [...check(source)].map((what) => `src/${source.path}: ${what}`));
    assert.equal(breaches.length, 0, `\n${breaches.join('\n')}`);
  });
}

rule('every folder is a floor of the plan', function* ({ path, floor }) {
  if (!(floor in floors)) yield path.includes('/') ? `src/${floor} is no floor` : 'a file outside all floors';
});

rule('imports point down, never up or sideways', function* (source) {
  const { floor, isTest } = source;
  for (const specifier of importsOf(source)) {
    if (!specifier.startsWith('#')) continue;
    const target = specifier.slice(1).split('/')[0] as string;
    if (!(target in floors)) yield `${specifier} names no floor`;
    else if (target === floor) yield `${specifier}: inside a floor imports are relative`;
    else if ((floors[target] as number) >= (floors[floor] ?? 0)) yield `${specifier} points up or sideways`;
    else if (!isTest && floors[floor] === componentFloor && notForComponents.has(target)) {
      yield `${specifier}: a component reaches the API through the client only`;
    }
    if (specifier.startsWith('#world/node/') && !isTest && !composition.has(floor)) {
      yield `${specifier}: only ${[...composition].join(', ')} and tests choose the real World`;
    }
    if (!specifier.endsWith('.ts')) yield `${specifier} must name the file with its ending`;
  }
});

rule('relative imports stay on their floor and name files', function* (source) {
  for (const specifier of importsOf(source)) {
    if (!specifier.startsWith('.')) continue;
    const target = relative(root, resolve(root, dirname(source.path), specifier));
    if (target.split('/')[0] !== source.floor) yield `${specifier} leaves the floor: write #floor/file.ts`;
    if (!/\.(ts|json|css|svg|html)$/.test(specifier)) yield `${specifier} must name the file with its ending`;
  }
});

rule('node modules that touch the machine are imported in world/node only', function* (source) {
  for (const specifier of importsOf(source)) {
    if (specifier.startsWith('node:') && !pureBuiltins.has(specifier) && !allowed(source, specifier)) yield specifier;
  }
});

rule('time, chance, timers and the process are reached through World only', function* (source) {
  for (const [name, pattern] of machineWords) {
    if (!pattern.test(source.code) || allowed(source, name)) continue;
    const line = source.code.slice(0, source.code.search(pattern)).split('\n').length;
    yield `${name} in line ${line}`;
  }
});

rule('there are no barrels', function* ({ path }) {
  if (/(^|\/)index\.[jt]sx?$/.test(path)) yield 'a barrel hides what depends on what';
});

rule('file names are kebab-case nouns', function* ({ path }) {
  const name = path.split('/').at(-1) as string;
  if (!/^[a-z0-9]+([-.][a-z0-9]+)*\.(tsx?|mjs)$/.test(name)) yield 'not kebab-case';
  if (/^(utils?|helpers?|common|manager|misc)\.|-(utils?|helpers?|manager|impl)\.tsx?$/.test(name))
    yield 'a name that says nothing';
});

rule('a file opens with a paragraph that says what it is', function* ({ text, path }) {
  // The sentences of a test file are its own table of contents.
  if (path.endsWith('.test.ts')) return;
  const opening = /^(?:#!.*\n)?\/\*\*([\s\S]*?)\*\//.exec(text)?.[1];
  if (opening === undefined) yield 'no opening comment';
  else if (opening.replace(/[\s*]/g, '').length < 15) yield 'the opening comment says too little';
});

rule('only what node can erase is TypeScript', function* ({ code }) {
  if (/^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s+\w+\s*\{/m.test(code)) yield 'enum';
  if (/^\s*(export\s+)?(declare\s+)?namespace\s+[\w.]+\s*\{/m.test(code)) yield 'namespace';
  if (/\bconstructor\s*\((?:[^)]*,)?\s*(public|private|protected|readonly)\s+\w+\s*[:?]/.test(code))
    yield 'parameter property';
  if (/^\s*import\s+\w+\s*=/m.test(code)) yield 'import =';
  if (/^\s*@\w+/m.test(code)) yield 'decorator';
});

rule('failures are not swallowed', function* ({ code }) {
  if (/\bcatch\s*(\([^)]*\))?\s*\{\s*\}/.test(code)) yield 'an empty catch';
});

/**
 * Comments and the contents of strings, templates and regular expressions become blanks, so that words in them do not count.
 * Positions and lines stay. Code inside `${}` stays code.
 */
function blank(text: string): string {
  const out = text.split('');
  const erase = (from: number, to: number): void => {
    for (let i = from; i < to && i < out.length; i++) if (out[i] !== '\n') out[i] = ' ';
  };
  // Depths of braces at which a template's `${` waits for its end.
  const templates: number[] = [];
  let depth = 0;
  let at = 0;
  const template = (from: number): number => {
    let i = from;
    while (i < text.length && text[i] !== '`') {
      if (text[i] === '\\') i++;
      else if (text[i] === '$' && text[i + 1] === '{') {
        erase(from, i);
        templates.push(depth++);
        return i + 2;
      }
      i++;
    }
    erase(from, i);
    return i + 1;
  };
  while (at < text.length) {
    const two = text.slice(at, at + 2);
    const one = text[at] as string;
    if (two === '//') {
      const end = text.indexOf('\n', at);
      erase(at, end < 0 ? text.length : end);
      at = end < 0 ? text.length : end;
    } else if (two === '/*') {
      const end = text.indexOf('*/', at + 2);
      erase(at, end + 2);
      at = end < 0 ? text.length : end + 2;
    } else if (one === "'" || one === '"') {
      let end = at + 1;
      while (end < text.length && text[end] !== one && text[end] !== '\n') end += text[end] === '\\' ? 2 : 1;
      erase(at + 1, end);
      at = end + 1;
    } else if (one === '`') {
      at = template(at + 1);
    } else if (one === '}' && templates.length > 0 && templates.at(-1) === depth - 1) {
      templates.pop();
      depth--;
      at = template(at + 1);
    } else if (one === '/' && opensRegExp(text.slice(Math.max(0, at - 20), at))) {
      let end = at + 1;
      for (let inClass = false; end < text.length && (inClass || text[end] !== '/') && text[end] !== '\n'; end++) {
        if (text[end] === '\\') end++;
        else if (text[end] === '[') inClass = true;
        else if (text[end] === ']') inClass = false;
      }
      erase(at + 1, end);
      at = end + 1;
    } else {
      if (one === '{') depth++;
      if (one === '}') depth--;
      at++;
    }
  }
  return out.join('');
}

/** After an operator, an opening bracket or certain words a slash begins a regular expression; after a value it divides. */
function opensRegExp(before: string): boolean {
  const trimmed = before.trimEnd();
  return (
    trimmed === '' ||
    /[=(,:[!&|?{};+*%~^<>-]$/.test(trimmed) ||
    /\b(return|typeof|case|in|of|yield|await)$/.test(trimmed)
  );
}

test('the reader of this test tells code from comments, strings and expressions', () => {
  const code = blank(
    "a(`x ${process.x + `${b}`} Date.now`); // Date.now\nconst s = 'Math.random \\' y'; const r = /[/'\"]+/g; c / d / e; /* fetch( */ f();",
  );
  assert.match(code, /process\.x/);
  assert.doesNotMatch(code, /Date|Math|fetch|y'/);
  assert.match(code, /c \/ d \/ e;\s+f\(\);$/);
});
