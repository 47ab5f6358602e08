/**
 * Limits of one HTTP/2 server session, against clients that cost more than they ask for: rapid resets, floods of pings and
 * settings, headers without end, connections that idle for ever. Node and nghttp2 bound most of it; what they leave open is
 * counted here and answered with ENHANCE_YOUR_CALM.
 */
import {
  constants,
  type SecureServerSessionOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Millis } from '../world.ts';
import type { Connection } from './http-peer.ts';

/** Go's default for servers; a client with more watches opens a second connection. */
export const concurrentStreamsMax = 250;
/** Upstream's MaxUploadBufferPerStream: what a client may send before a handler reads. */
const streamWindowBytes = 256 * 1024;
/** 32 streams' uploads in flight on one connection. */
const sessionWindowBytes = 8 * 1024 * 1024;

/** Within one window of `windowMs` a peaceful client stays far below: Go pings at most every 15 s. */
const windowMs = 10_000;
const lingerMs = 5_000;
const pingsMax = 200;
/** Pings that answers may earn a client at most. */
const answeredMax = 10_000;
const settingsMax = 50;
/** Streams the client reset before we had answered, e.g. cancelled watches at a kubectl's exit. */
const resetsMax = 2_000;

export function sessionLimits(maxHeaderBytes: number): SecureServerSessionOptions {
  return {
    settings: {
      maxConcurrentStreams: concurrentStreamsMax,
      initialWindowSize: streamWindowBytes,
      maxHeaderListSize: maxHeaderBytes,
      enablePush: false,
    },
    // Megabytes queued in one session, mostly answers to slow readers: twenty lists of 50 MB. More streams are refused.
    maxSessionMemory: 1_024,
    maxHeaderListPairs: 256,
    maxOutstandingSettings: 10,
    maxSettings: 32,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    streamResetBurst: 1_000,
    streamResetRate: 200,
  } as SecureServerSessionOptions;
}

/** Watches over a session. `opened` must be called for each of its streams. */
export function guardSession(
  session: ServerHttp2Session,
  socket: Socket,
  { connection, idleTimeoutMs }: { readonly connection: Connection; readonly idleTimeoutMs: Millis },
): { opened(stream: ServerHttp2Stream): void } {
  session.setLocalWindowSize(sessionWindowBytes);
  let open = 0;
  let windowStart = 0;
  let pings = 0;
  let settings = 0;
  let resets = 0;
  const count = (kind: 'ping' | 'settings' | 'reset'): void => {
    const now = performance.now();
    if (now - windowStart > windowMs) {
      windowStart = now;
      pings = settings = resets = 0;
    }
    if (kind === 'ping') pings++;
    else if (kind === 'settings') settings++;
    else resets++;
    if (pings <= pingsMax && settings <= settingsMax && resets <= resetsMax) return;
    if (!session.destroyed)
      session.destroy(new Error(`HTTP/2 flood of ${kind} frames`), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  };
  session.on('ping', () => {
    // gRPC's clients ping to measure each answer on its way: what we have sent has earned them that.
    if (connection.answered >= 1) connection.answered = Math.min(connection.answered, answeredMax) - 1;
    else count('ping');
  });
  session.on('remoteSettings', () => count('settings'));
  session.setTimeout(idleTimeoutMs, () => {
    // Without open streams nobody waits for anything; with some, a quiet watch is normal.
    if (open > 0) return;
    session.close();
    // A peer that never closes its side would keep the descriptor for ever.
    setTimeout(() => socket.destroy(), lingerMs).unref();
  });
  const onClose = function (this: ServerHttp2Stream): void {
    open--;
    if (this.aborted && this.rstCode !== constants.NGHTTP2_NO_ERROR) count('reset');
  };
  return {
    opened(stream) {
      open++;
      stream.on('close', onClose);
    },
  };
}
