/**
 * Links of what is behind a proxy, turned so that they lead through it: upstream's rules (apimachinery, util/proxy/transport.go). HTML is read as a stream
 * of bytes and only the values of attributes that hold URLs are changed; everything else passes as it came. It must never hold more than one tag.
 */
import { Transform, type TransformCallback } from 'node:stream';
import { posix } from 'node:path';

export interface Links {
  /** The path of the proxy itself, without a slash at its end. */
  readonly prefix: string;
  /** Host and port of the backend. */
  readonly backend: string;
  /** The Host that the client asked for. */
  readonly asked: string;
}

const urlParts = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)([^]*)$/;

/** A URL as the client must see it: one that leads to the backend gets the proxy's path, all others stay. */
export function rewrittenUrl(url: string, { prefix, backend, asked }: Links): string {
  const [, scheme, authority, path = '', rest = ''] = urlParts.exec(url) ?? [];
  const host = authority?.slice(authority.lastIndexOf('@') + 1) ?? '';
  if (host !== '' && host !== backend && host !== asked) return url;
  if (!path.startsWith('/') || hasControl(url)) return url;
  const origin = host !== '' && host === asked ? `${scheme === undefined ? '' : `${scheme}:`}//${authority}` : '';
  if (path.startsWith(prefix)) return `${origin}${path}${rest}`;
  const joined = posix.join(prefix, path);
  return `${origin}${joined}${rest}`;
}

function hasControl(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** Attributes that hold a URL, by element. */
const urlAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'],
  applet: ['codebase'],
  area: ['href'],
  audio: ['src'],
  base: ['href'],
  blockquote: ['cite'],
  body: ['background'],
  button: ['formaction'],
  command: ['icon'],
  del: ['cite'],
  embed: ['src'],
  form: ['action'],
  frame: ['longdesc', 'src'],
  head: ['profile'],
  html: ['manifest'],
  iframe: ['longdesc', 'src'],
  img: ['longdesc', 'src', 'usemap'],
  input: ['src', 'usemap', 'formaction'],
  ins: ['cite'],
  link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'],
  q: ['cite'],
  script: ['src'],
  source: ['src'],
  video: ['poster', 'src'],
};

/** Elements whose content is text, whatever it looks like. */
const rawText = new Set(['iframe', 'noembed', 'noframes', 'plaintext', 'script', 'style', 'textarea', 'title', 'xmp']);

/** A longer tag, comment or unfinished end of a text passes as it is. */
const tagCharsMax = 64 * 1024;

/** HTML with its links rewritten. Bytes are taken as Latin-1, in which every markup of an ASCII-like encoding stands for itself. */
export class LinkRewriter extends Transform {
  readonly #rewrite: (url: string) => string;
  #rest = '';
  /** How far the unfinished tag at the beginning of the rest was read: it may come in very small pieces. */
  #tagRead: TagReading | undefined;
  /** The element whose raw text we are in. */
  #inside: string | undefined;
  #comment = false;

  constructor(rewrite: (url: string) => string) {
    super();
    this.#rewrite = rewrite;
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    const out = this.#read(this.#rest + chunk.toString('latin1'));
    done(null, Buffer.from(out, 'latin1'));
  }

  override _flush(done: TransformCallback): void {
    done(null, Buffer.from(this.#rest, 'latin1'));
  }

  /** What can be said now; keeps what may go on in the next chunk. */
  #read(text: string): string {
    let out = '';
    let at = 0;
    const keep = (from: number): string => {
      if (text.length - from <= tagCharsMax) {
        this.#rest = text.slice(from);
        return out;
      }
      this.#rest = '';
      return out + text.slice(from);
    };
    while (at < text.length) {
      if (this.#comment) {
        const end = text.indexOf('-->', at);
        // The last two characters may be the beginning of the end.
        if (end < 0) {
          const from = Math.max(at, text.length - 2);
          out += text.slice(at, from);
          return keep(from);
        }
        out += text.slice(at, end + 3);
        at = end + 3;
        this.#comment = false;
        continue;
      }
      const open = text.indexOf('<', at);
      if (open < 0) {
        out += text.slice(at);
        break;
      }
      out += text.slice(at, open);
      at = open;
      if (this.#inside !== undefined) {
        const needed = this.#inside.length + 3;
        if (text.length - at < needed) return keep(at);
        const word = text.slice(at, at + needed).toLowerCase();
        if (word.startsWith(`</${this.#inside}`) && /[\s/>]$/.test(word)) this.#inside = undefined;
        out += '<';
        at++;
        continue;
      }
      if (text.length - at < 4 && '<!--'.startsWith(text.slice(at))) return keep(at);
      if (text.startsWith('<!--', at)) {
        this.#comment = true;
        // `<!-->` is a whole comment: its dashes count for both ends.
        out += '<!';
        at += 2;
        continue;
      }
      if (!/[A-Za-z]/.test(text[at + 1] ?? '')) {
        out += '<';
        at++;
        continue;
      }
      const reading: TagReading = (at === 0 ? this.#tagRead : undefined) ?? {
        length: 1,
        quote: '',
        afterEquals: false,
      };
      this.#tagRead = undefined;
      const end = tagEnd(text, at, reading);
      if (end < 0) {
        this.#tagRead = text.length - at <= tagCharsMax ? reading : undefined;
        return keep(at);
      }
      out += this.#tag(text.slice(at, end));
      at = end;
    }
    this.#rest = '';
    return out;
  }

  /** `<name …>`. */
  #tag(tag: string): string {
    const name = (/^<([^\s/>]+)/.exec(tag)?.[1] ?? '').toLowerCase();
    if (rawText.has(name) && !tag.endsWith('/>')) this.#inside = name;
    const wanted = urlAttributes[name];
    if (!wanted || !Object.hasOwn(urlAttributes, name)) return tag;
    let out = '';
    let at = 0;
    for (const { key, start, end } of attributesOf(tag, name.length + 1)) {
      if (!wanted.includes(key)) continue;
      out += tag.slice(at, start) + this.#rewrite(tag.slice(start, end));
      at = end;
    }
    return out + tag.slice(at);
  }
}

interface Attribute {
  readonly key: string;
  /** Where its value is, without quotes. */
  readonly start: number;
  readonly end: number;
}

/** Attributes with values, from `at` to the end of the tag. Every character is looked at once: tags are hostile. */
function* attributesOf(tag: string, at: number): Generator<Attribute> {
  const skip = (pattern: RegExp): void => {
    while (at < tag.length && pattern.test(tag[at] as string)) at++;
  };
  while (at < tag.length) {
    skip(/[\s/>"'=]/);
    const from = at;
    skip(/[^\s/>"'=]/);
    const key = tag.slice(from, at).toLowerCase();
    skip(/\s/);
    if (tag[at] !== '=') continue;
    at++;
    skip(/\s/);
    const quote = tag[at];
    if (quote === '"' || quote === "'") {
      const end = tag.indexOf(quote, at + 1);
      if (end < 0) return;
      yield { key, start: at + 1, end };
      at = end + 1;
    } else {
      const start = at;
      skip(/[^\s>]/);
      yield { key, start, end: at };
    }
  }
}

/** Where the reading of an unfinished tag stands. */
interface TagReading {
  /** Characters read, the `<` included. */
  length: number;
  /** The quote that we are in. */
  quote: string;
  afterEquals: boolean;
}

/** The position after the `>` that ends the tag at `start`; -1 when it is not there yet: `reading` goes on then. Quotes hide `>`. */
function tagEnd(text: string, start: number, reading: TagReading): number {
  for (let at = start + reading.length; at < text.length; at++) {
    const char = text[at] as string;
    if (reading.quote !== '') {
      if (char === reading.quote) reading.quote = '';
      continue;
    }
    if (char === '>') return at + 1;
    if ((char === '"' || char === "'") && reading.afterEquals) reading.quote = char;
    if (!/\s/.test(char)) reading.afterEquals = char === '=';
  }
  reading.length = text.length - start;
  return -1;
}
