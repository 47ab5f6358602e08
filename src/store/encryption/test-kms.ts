/** A KMS plugin for tests: upstream's protocol over gRPC on a unix socket, with keys in memory. What it answers can be bent. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  DecryptRequestSchema,
  DecryptResponseSchema,
  EncryptRequestSchema,
  EncryptResponseSchema,
  StatusResponseSchema,
} from './gen/kms_pb.ts';

export interface TestKms extends AsyncDisposable {
  /** `unix:///…` */
  readonly endpoint: string;
  /** How often each method was called. */
  readonly calls: { Status: number; Encrypt: number; Decrypt: number };
  /** What it tells from now on; a gRPC code fails every call. */
  readonly says: {
    keyId: string;
    healthz: string;
    version: string;
    annotations: Record<string, Uint8Array>;
    code: number;
  };
  /** Until this resolves, nobody gets an answer. */
  pause: Promise<void>;
}

/** Keys are made of their ids, so that one plugin reads what another has encrypted. */
const keyOf = (keyId: string): Buffer => createHash('sha256').update(`test ${keyId}`).digest();

export async function startTestKms(keyId = 'one', socket?: string): Promise<TestKms> {
  const folder = socket === undefined ? await mkdtemp(join(tmpdir(), 'k8ts-kms-')) : undefined;
  const path = socket ?? join(folder ?? '', 'kms.sock');
  const calls = { Status: 0, Encrypt: 0, Decrypt: 0 };
  const says: TestKms['says'] = { keyId, healthz: 'ok', version: 'v2', annotations: {}, code: 0 };
  const sessions = new Set<ServerHttp2Session>();
  const methods: Readonly<Record<string, (message: Buffer) => Uint8Array>> = {
    Status: () =>
      toBinary(
        StatusResponseSchema,
        create(StatusResponseSchema, { version: says.version, healthz: says.healthz, keyId: says.keyId }),
      ),
    Encrypt(message) {
      const { plaintext } = fromBinary(EncryptRequestSchema, message);
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', keyOf(says.keyId), nonce);
      const ciphertext = Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
      const { annotations } = says;
      return toBinary(
        EncryptResponseSchema,
        create(EncryptResponseSchema, { ciphertext, keyId: says.keyId, annotations }),
      );
    },
    Decrypt(message) {
      const { ciphertext, keyId: by } = fromBinary(DecryptRequestSchema, message);
      const decipher = createDecipheriv('aes-256-gcm', keyOf(by), ciphertext.subarray(0, 12));
      decipher.setAuthTag(ciphertext.subarray(-16));
      const plaintext = Buffer.concat([decipher.update(ciphertext.subarray(12, -16)), decipher.final()]);
      return toBinary(DecryptResponseSchema, create(DecryptResponseSchema, { plaintext }));
    },
  };
  const kms = {
    endpoint: `unix://${path}`,
    calls,
    says,
    pause: Promise.resolve(),
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      const closed = once(server, 'close');
      server.close();
      await closed;
      if (folder !== undefined) await rm(folder, { recursive: true });
    },
  };
  const answer = async (stream: ServerHttp2Stream, name: string): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    calls[name as keyof typeof calls]++;
    await kms.pause;
    if (stream.destroyed) return;
    const method = methods[name];
    let message: Uint8Array = Buffer.alloc(0);
    let code = says.code;
    try {
      if (code === 0) message = method?.(Buffer.concat(chunks).subarray(5)) ?? message;
    } catch {
      code = 3; // Not of this key.
    }
    const headers = { ':status': 200, 'content-type': 'application/grpc' };
    if (code !== 0) {
      stream.respond(
        { ...headers, 'grpc-status': String(code), 'grpc-message': 'as the test says' },
        { endStream: true },
      );
      return;
    }
    stream.respond(headers, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    const head = Buffer.alloc(5);
    head.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([head, message]));
  };
  const server = createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    void answer(stream, String(headers[':path']).split('/').at(-1) ?? '').catch(() => stream.destroy());
  });
  server.listen(path);
  await once(server, 'listening');
  return kms;
}
