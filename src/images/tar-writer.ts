/**
 * Writes tar entries for the system's `tar` to unpack (layer.ts): names and attributes byte for byte as tar-reader.ts gave
 * them, long ones through GNU's extra entries, the rest through pax. It must never change a byte of content.
 */
import type { TarEntryType, TarHeader } from './tar-reader.ts';

const flagOfType: Readonly<Record<TarEntryType, string>> = {
  file: '0',
  link: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** The blocks that stand before the entry's content. */
export function tarHeader(header: TarHeader): Buffer {
  const parts: Buffer[] = [];
  const pax: string[] = [];
  for (const [key, value] of Object.entries(header.attributes)) pax.push(paxRecord(`SCHILY.xattr.${key}`, value));
  if (header.sizeBytes > 0o77777777777) pax.push(paxRecord('size', String(header.sizeBytes)));
  if (header.uid > 0o7777777) pax.push(paxRecord('uid', String(header.uid)));
  if (header.gid > 0o7777777) pax.push(paxRecord('gid', String(header.gid)));
  if (pax.length > 0) parts.push(extra('x', Buffer.from(pax.join(''), 'latin1')));
  if (header.name.length > 100) parts.push(extra('L', Buffer.from(`${header.name}\0`, 'latin1')));
  if (header.linkName.length > 100) parts.push(extra('K', Buffer.from(`${header.linkName}\0`, 'latin1')));
  parts.push(block(header, flagOfType[header.type]));
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

/** What follows content of this size, up to the next block. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((512 - (sizeBytes % 512)) % 512);
}

/** The two blocks of zeros at the end of an archive. */
export const tarEnd: Buffer = Buffer.alloc(1024);

function extra(flag: string, content: Buffer): Buffer {
  const header: TarHeader = {
    name: '././@LongLink',
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    modifiedAt: 0,
    linkName: '',
    deviceMajor: 0,
    deviceMinor: 0,
    attributes: {},
  };
  return Buffer.concat([block(header, flag), content, tarPadding(content.length)]);
}

function block(header: TarHeader, flag: string): Buffer {
  const bytes = Buffer.alloc(512);
  bytes.write(header.name.slice(0, 100), 0, 'latin1');
  octal(bytes, header.mode & 0o7777, 100, 8);
  octal(bytes, Math.min(header.uid, 0o7777777), 108, 8);
  octal(bytes, Math.min(header.gid, 0o7777777), 116, 8);
  octal(bytes, Math.min(header.sizeBytes, 0o77777777777), 124, 12);
  octal(bytes, Math.min(Math.max(0, Math.trunc(header.modifiedAt)), 0o77777777777), 136, 12);
  bytes.write(flag, 156, 'latin1');
  bytes.write(header.linkName.slice(0, 100), 157, 'latin1');
  bytes.write('ustar\0' + '00', 257, 'latin1');
  octal(bytes, header.deviceMajor, 329, 8);
  octal(bytes, header.deviceMinor, 337, 8);
  bytes.fill(0x20, 148, 156);
  let sum = 0;
  for (const byte of bytes) sum += byte;
  octal(bytes, sum, 148, 7);
  return bytes;
}

function octal(bytes: Buffer, value: number, start: number, length: number): void {
  bytes.write(`${value.toString(8).padStart(length - 1, '0')}\0`, start, 'latin1');
}

/** `<length> <key>=<value>\n`, where the length counts its own digits too. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}
