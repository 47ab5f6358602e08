import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { LinkRewriter, rewrittenUrl } from './links.ts';

const links = { prefix: '/api/v1/namespaces/x/services/y/proxy', backend: '10.0.0.1:80', asked: 'localhost:8001' };

test('a URL of the backend leads through the proxy, any other stays', () => {
  const { prefix } = links;
  const table: [string, string][] = [
    ['/', `${prefix}/`],
    ['/a/b/?q=/c#/d', `${prefix}/a/b/?q=/c#/d`],
    ['a', 'a'],
    ['../a', '../a'],
    ['', ''],
    ['#top', '#top'],
    ['?q', '?q'],
    ['http://10.0.0.1:80/a', `${prefix}/a`],
    ['http://10.0.0.1/a', 'http://10.0.0.1/a'],
    ['//10.0.0.1:80/a', `${prefix}/a`],
    ['http://localhost:8001/a', `http://localhost:8001${prefix}/a`],
    [`http://localhost:8001${prefix}/a`, `http://localhost:8001${prefix}/a`],
    [`${prefix}/a`, `${prefix}/a`],
    ['https://example.com/a', 'https://example.com/a'],
    ['//example.com/a', '//example.com/a'],
    ['mailto:a@b', 'mailto:a@b'],
    ['javascript:void(0)', 'javascript:void(0)'],
    ['data:text/html,/x', 'data:text/html,/x'],
    ['/a\nb', '/a\nb'],
  ];
  for (const [url, seen] of table) assert.equal(rewrittenUrl(url, links), seen, url);
});

async function rewritten(html: Buffer, chunk: number): Promise<string> {
  const parts: Buffer[] = [];
  for (let at = 0; at < html.length; at += chunk) parts.push(html.subarray(at, at + chunk));
  const out: Buffer[] = [];
  for await (const part of Readable.from(parts).pipe(
    new LinkRewriter((url) => (url.startsWith('/') ? `/p${url}` : url)),
  ))
    out.push(part as Buffer);
  return Buffer.concat(out).toString();
}

test('only values of links change, wherever the bytes are cut', async () => {
  const table: [string, string][] = [
    ['<a href="/x">', '<a href="/p/x">'],
    ["<A\n HREF = '/x' class=b>ü", "<A\n HREF = '/p/x' class=b>ü"],
    ['<img src=/x/>', '<img src=/p/x/>'],
    ['<img alt="a > b" src="/x">', '<img alt="a > b" src="/p/x">'],
    ['<img data-src="/x" src="y">', '<img data-src="/x" src="y">'],
    ['<p href="/x">', '<p href="/x">'],
    ['<!-- <a href="/x"> --><a href="/y">', '<!-- <a href="/x"> --><a href="/p/y">'],
    ['<!--><a href="/y">', '<!--><a href="/p/y">'],
    [
      '<script src="/x">"<a href=\'/y\'>"</scripty></script><a href="/z">',
      '<script src="/p/x">"<a href=\'/y\'>"</scripty></script><a href="/p/z">',
    ],
    ['<STYLE><a href="/x"></STYLE><a href="/y">', '<STYLE><a href="/x"></STYLE><a href="/p/y">'],
    ['a < b <a href="/x">', 'a < b <a href="/p/x">'],
    ['<a href="/x"', '<a href="/x"'],
    ['<form action=/go><video poster="/a" src="/b">', '<form action=/p/go><video poster="/p/a" src="/p/b">'],
    ['<constructor href="/x"><__proto__ href="/x">', '<constructor href="/x"><__proto__ href="/x">'],
    ['<a href="/ü?a=1&amp;b=2">', '<a href="/p/ü?a=1&amp;b=2">'],
    ['<', '<'],
  ];
  for (const [html, seen] of table)
    for (const chunk of [1, 2, 3, 7, 1000]) assert.equal(await rewritten(Buffer.from(html), chunk), seen, html);
});

test('a tag without end passes as it came, and what is held stays small', async () => {
  const endless = Buffer.from(`<a ${'x'.repeat(2_000_000)}`);
  assert.equal((await rewritten(endless, 64 * 1024)).length, endless.length);
  const words = Buffer.from(`<a ${'x'.repeat(60_000)}><a ${'= '.repeat(30_000)}><a ${"x='".repeat(20_000)}>`);
  assert.equal((await rewritten(words, 64 * 1024)).length, words.length);
  const quotes = Buffer.from(`<a ${'="'.repeat(200_000)}`);
  assert.equal((await rewritten(quotes, 64 * 1024)).length, quotes.length);
});
