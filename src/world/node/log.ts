/**
 * The real log: one line a message, JSON for machines or a compact line for people. Lines are buffered for one turn of the
 * loop and written synchronously at the end of it and at exit, so the last words of a crash are not lost. It never looks
 * into fields for secrets: callers must not hand them over.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Log, LogFields } from '../world.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LogOptions {
  readonly level?: LogLevel;
  /** 'stderr' (default) or the path of a file that is appended to. */
  readonly destination?: string;
  /** Default: text on a terminal, JSON elsewhere. */
  readonly format?: 'json' | 'text';
}

const rank: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 };
/** Long values are cut: one log line must not become a megabyte. */
const valueCharsMax = 4096;
/** Flushed within the turn when a loop logs more than this. */
const bufferCharsMax = 64 * 1024;

export function nodeLog(options: LogOptions = {}): Log {
  const level = rank[options.level ?? 'info'];
  const destination = options.destination ?? 'stderr';
  const format = options.format ?? (destination === 'stderr' && process.stderr.isTTY ? 'text' : 'json');
  const print = format === 'json' ? jsonLine : textLine;
  const sink = new Sink(destination);

  const make = (bound: LogFields | undefined): Log => {
    const at = (name: Exclude<LogLevel, 'silent'>) => {
      if (rank[name] < level) return () => {};
      return (message: string, fields?: LogFields): void => {
        sink.write(print(name, message, fields ? { ...bound, ...fields } : bound));
      };
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      with: (fields) => make({ ...bound, ...fields }),
    };
  };
  return make(undefined);
}

class Sink {
  readonly #destination: string;
  #pending = '';
  #file: number | undefined;
  #hooked = false;

  constructor(destination: string) {
    this.#destination = destination;
  }

  write(line: string): void {
    if (!this.#hooked) {
      this.#hooked = true;
      process.once('exit', () => this.#flush());
    }
    if (this.#pending === '') setImmediate(() => this.#flush()).unref();
    this.#pending += line;
    if (this.#pending.length > bufferCharsMax) this.#flush();
  }

  #flush(): void {
    const bytes = Buffer.from(this.#pending);
    this.#pending = '';
    if (bytes.length === 0) return;
    const file = this.#destination === 'stderr' ? 2 : (this.#file ??= openSync(this.#destination, 'a', 0o640));
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
    } catch (error) {
      // A full disk, a closed terminal or a busy non-blocking pipe: a lost line must not stop the program that wrote it.
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN' && file !== 2) {
        closeSync(file);
        this.#file = undefined;
      }
    }
  }
}

function jsonLine(level: string, message: string, fields: LogFields | undefined): string {
  const line: Record<string, unknown> = { time: new Date().toISOString(), level, message };
  for (const name in fields)
    line[name === 'time' || name === 'level' || name === 'message' ? `${name}_` : name] = plain(fields[name]);
  return `${JSON.stringify(line)}\n`;
}

function textLine(level: string, message: string, fields: LogFields | undefined): string {
  let line = `${new Date().toISOString().slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${oneLine(message)}`;
  for (const name in fields) {
    const value = plain(fields[name]);
    if (value === undefined) continue;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    line += ` ${name}=${/^[\w./:@%+,-]+$/.test(text) || typeof value !== 'string' ? text : JSON.stringify(text)}`;
  }
  return `${line}\n`;
}

function oneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}

/** What JSON can hold: errors as message and code, long strings cut, the unprintable as text. */
function plain(value: unknown): unknown {
  if (value instanceof Error) {
    const { code } = value as NodeJS.ErrnoException;
    const cause = value.cause === undefined ? undefined : plain(value.cause);
    return {
      error: value.message,
      name: value.name,
      code,
      cause,
      stack: value.stack
        ?.split('\n')
        .slice(1, 5)
        .map((l) => l.trim()),
    };
  }
  if (typeof value === 'string') return value.length > valueCharsMax ? `${value.slice(0, valueCharsMax)}…` : value;
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  try {
    const text = JSON.stringify(value);
    return text.length > valueCharsMax ? `${text.slice(0, valueCharsMax)}…` : value;
  } catch (error) {
    return `unprintable: ${(error as Error).message}`;
  }
}
