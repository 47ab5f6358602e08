/**
 * The two ends of a comparison: this API server in the process of the test, and a reference (a kube-apiserver of the same version), which the environment names.
 * Both are asked over TLS and HTTP/2 with the same bytes.
 */
import { connect, type ClientHttp2Session, type SecureClientSessionOptions } from 'node:http2';

export interface Answer {
  readonly status: number;
  readonly warnings: readonly string[];
  readonly body: unknown;
}

export interface Peer extends Disposable {
  readonly name: string;
  ask(method: string, path: string, body?: unknown, contentType?: string): Promise<Answer>;
}

export function peer(
  name: string,
  url: string,
  options: SecureClientSessionOptions & { readonly token?: string },
): Peer {
  let session: ClientHttp2Session | undefined;
  const live = (): ClientHttp2Session => {
    if (!session || session.closed || session.destroyed) {
      session = connect(url, options);
      session.on('error', () => undefined);
    }
    return session;
  };
  return {
    name,
    ask: (method, path, body, contentType = 'application/json') =>
      new Promise((resolve, reject) => {
        const stream = live().request(
          {
            ':method': method,
            ':path': path,
            accept: 'application/json',
            'content-type': contentType,
            ...(options.token ? { authorization: `Bearer ${options.token}` } : {}),
          },
          { endStream: body === undefined },
        );
        const chunks: Buffer[] = [];
        let status = 0;
        let warnings: string[] = [];
        stream.on('response', (headers) => {
          status = Number(headers[':status']);
          const warning = headers['warning'] as string | string[] | undefined;
          warnings = warning === undefined ? [] : [warning].flat();
        });
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('error', reject);
        stream.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          let parsed: unknown = text;
          try {
            parsed = JSON.parse(text);
          } catch {
            // Plain text is an answer too.
          }
          resolve({ status, warnings, body: parsed });
        });
        if (body !== undefined) stream.end(typeof body === 'string' ? body : JSON.stringify(body));
      }),
    [Symbol.dispose]: () => session?.destroy(),
  };
}
