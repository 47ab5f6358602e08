/** Where an etcd listens, as its flag says: `https://host:port`, `http://host:port` or `unix:///path`, separated by commas. */
import type { SocketAddress } from '#world/world.ts';

export interface ListenUrl {
  readonly url: string;
  readonly address: SocketAddress;
  readonly secure: boolean;
  /** Others than this machine can reach it. */
  readonly exposed: boolean;
}

/** Throws an Error that says what is wrong. */
export function parseListenUrls(text: string): readonly ListenUrl[] {
  return text.split(',').map((part) => parse(part.trim()));
}

function parse(text: string): ListenUrl {
  const url = URL.parse(text);
  if (url?.protocol === 'unix:') {
    // unix:///path, and etcd's unix://name in the current directory, which a server in the background does not have.
    if (url.host !== '' || url.pathname.length < 2)
      throw new Error(`${text}: the path must be absolute, as in unix:///run/etcd.sock`);
    return { url: text, address: { path: decodeURIComponent(url.pathname) }, secure: false, exposed: false };
  }
  const secure = url?.protocol === 'https:';
  if (
    !url ||
    (!secure && url.protocol !== 'http:') ||
    (url.pathname !== '/' && url.pathname !== '') ||
    url.search !== ''
  )
    throw new Error(`${text} is no URL to listen on, such as https://127.0.0.1:2379 or unix:///run/etcd.sock`);
  const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { url: text, address: { host, port }, secure, exposed: !isLoopback(host) };
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
