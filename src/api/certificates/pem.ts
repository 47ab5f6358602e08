/** PEM blocks in a text, as Go's encoding/pem finds them: whatever stands between blocks is passed over, a broken block too. */

export interface PemBlock {
  readonly type: string;
  readonly hasHeaders: boolean;
  readonly der: Buffer;
}

const blocksMax = 10_000;

/** In order. Linear in the text. */
export function pemBlocks(text: string): readonly PemBlock[] {
  const found: PemBlock[] = [];
  let open: { type: string; lines: string[]; hasHeaders: boolean } | undefined;
  for (const raw of text.split('\n')) {
    const line = raw.trim();
    const begin = line.startsWith('-----BEGIN ') && line.endsWith('-----') ? line.slice(11, -5) : undefined;
    if (begin !== undefined) open = { type: begin, lines: [], hasHeaders: false };
    else if (open !== undefined && line === `-----END ${open.type}-----`) {
      const body = open.lines.join('');
      if (/^[A-Za-z0-9+/]*={0,2}$/.test(body) && body.length % 4 === 0 && found.length < blocksMax)
        found.push({ type: open.type, hasHeaders: open.hasHeaders, der: Buffer.from(body, 'base64') });
      open = undefined;
    } else if (open !== undefined) {
      if (line.includes(':')) open.hasHeaders = true;
      else open.lines.push(line);
    }
  }
  return found;
}
