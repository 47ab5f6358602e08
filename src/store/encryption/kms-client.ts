/**
 * A KMS plugin of upstream's protocol, v2 (https://kubernetes.io/docs/tasks/administer-cluster/kms-provider/): three calls of gRPC on a unix socket. It must never
 * log what it is given.
 */
import {
  create,
  fromBinary,
  toBinary,
  type DescMessage,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import { grpcCall, GrpcError, grpcCode } from '#world/grpc.ts';
import { NetworkError, type Millis, type World } from '#world/world.ts';
import {
  DecryptRequestSchema,
  DecryptResponseSchema,
  EncryptRequestSchema,
  EncryptResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from './gen/kms_pb.ts';
import { socketOf } from './configuration.ts';
import { Passing } from './transformer.ts';

export type Annotations = Readonly<Record<string, Uint8Array>>;

export interface KmsClient {
  status(): Promise<{ readonly version: string; readonly healthz: string; readonly keyId: string }>;
  encrypt(
    plain: Uint8Array,
  ): Promise<{ readonly ciphertext: Buffer; readonly keyId: string; readonly annotations: Annotations }>;
  decrypt(request: {
    readonly ciphertext: Uint8Array;
    readonly keyId: string;
    readonly annotations: Annotations;
  }): Promise<Buffer>;
}

/** gRPC codes that say nothing about the request: the plugin, or what is behind it, cannot answer now. */
const passing: ReadonlySet<number> = new Set([
  grpcCode.unavailable,
  grpcCode.deadlineExceeded,
  grpcCode.resourceExhausted,
  grpcCode.unknown,
  grpcCode.internal,
  1, // Cancelled: the plugin stops.
]);

/** All calls reject with Passing when a later try may do better, with another Error otherwise. */
export function kmsClient(
  world: World,
  { endpoint, timeoutMs }: { readonly endpoint: string; readonly timeoutMs: Millis },
): KmsClient {
  const peer = { url: 'http://localhost', socketPath: socketOf(endpoint) ?? endpoint };
  const call = async <I extends DescMessage, O extends DescMessage>(
    name: string,
    input: I,
    output: O,
    message: MessageInitShape<I>,
  ): Promise<MessageShape<O>> => {
    try {
      const answer = await grpcCall(world, peer, {
        method: `/v2.KeyManagementService/${name}`,
        message: toBinary(input, create(input, message)),
        timeoutMs,
      });
      return fromBinary(output, answer);
    } catch (error) {
      if (error instanceof NetworkError) throw new Passing(`${endpoint}: ${error.message}`, { cause: error });
      if (!(error instanceof GrpcError)) throw error;
      const text = `rpc error: code = ${error.code} desc = ${error.message}`;
      throw passing.has(error.code) ? new Passing(text, { cause: error }) : new Error(text, { cause: error });
    }
  };
  return {
    status: () => call('Status', StatusRequestSchema, StatusResponseSchema, {}),
    async encrypt(plain) {
      const uid = world.random.uuid();
      const { ciphertext, keyId, annotations } = await call('Encrypt', EncryptRequestSchema, EncryptResponseSchema, {
        plaintext: plain,
        uid,
      });
      return { ciphertext: Buffer.from(ciphertext), keyId, annotations };
    },
    async decrypt({ ciphertext, keyId, annotations }) {
      const uid = world.random.uuid();
      const message = { ciphertext, uid, keyId, annotations: { ...annotations } };
      return Buffer.from((await call('Decrypt', DecryptRequestSchema, DecryptResponseSchema, message)).plaintext);
    },
  };
}
