/** */
import { inline, s, struct, t, type Of } from '#schema/type.ts';

export const execAction = struct('core.v1.ExecAction', {
  command: s.list(1, t.string).optional().doc(''),
});
export interface ExecAction extends Of<typeof execAction> {}

export const httpHeader = struct('core.v1.HTTPHeader', {
  name: s.string(1).doc(''),
  value: s.string(2).doc(''),
});
export interface HTTPHeader extends Of<typeof httpHeader> {}

export const httpGetAction = struct('core.v1.HTTPGetAction', {
  path: s.string(1).default('/').doc(''),
  port: s.intOrString(2).doc(''),
  host: s.string(3).optional().doc(''),
  scheme: s.oneOf(4, 'HTTP', 'HTTPS').default('HTTP').doc(''),
  httpHeaders: s.list(5, httpHeader).optional().doc(''),
});
export interface HTTPGetAction extends Of<typeof httpGetAction> {}

export const tcpSocketAction = struct('core.v1.TCPSocketAction', {
  port: s.intOrString(1).doc(''),
  host: s.string(2).optional().doc(''),
});
export interface TCPSocketAction extends Of<typeof tcpSocketAction> {}

export const grpcAction = struct('core.v1.GRPCAction', {
  port: s.int32(1).doc(''),
  service: s.string(2).default('').doc(''),
});
export interface GRPCAction extends Of<typeof grpcAction> {}

export const probeHandler = struct('core.v1.ProbeHandler', {
  exec: s.field(1, execAction).optional().doc(''),
  httpGet: s.field(2, httpGetAction).optional().doc(''),
  tcpSocket: s.field(3, tcpSocketAction).optional().doc(''),
  grpc: s.field(4, grpcAction).optional().doc(''),
});
export interface ProbeHandler extends Of<typeof probeHandler> {}

export const probe = struct('core.v1.Probe', {
  ...inline(1, probeHandler),
  initialDelaySeconds: s.int32(2).optional().doc(''),
  timeoutSeconds: s.int32(3).default(1).doc(''),
  periodSeconds: s.int32(4).default(10).doc(''),
  successThreshold: s.int32(5).default(1).doc(''),
  failureThreshold: s.int32(6).default(3).doc(''),
  terminationGracePeriodSeconds: s.int64(7).optional().doc(''),
});
export interface Probe extends Of<typeof probe> {}

export const sleepAction = struct('core.v1.SleepAction', {
  seconds: s.int64(1).doc(''),
});
export interface SleepAction extends Of<typeof sleepAction> {}

export const lifecycleHandler = struct('core.v1.LifecycleHandler', {
  exec: s.field(1, execAction).optional().doc(''),
  httpGet: s.field(2, httpGetAction).optional().doc(''),
  tcpSocket: s.field(3, tcpSocketAction).optional().doc(''),
  sleep: s.field(4, sleepAction).optional().doc(''),
});
export interface LifecycleHandler extends Of<typeof lifecycleHandler> {}

export const lifecycle = struct('core.v1.Lifecycle', {
  postStart: s.field(1, lifecycleHandler).optional().doc(''),
  preStop: s.field(2, lifecycleHandler).optional().doc(''),
});
export interface Lifecycle extends Of<typeof lifecycle> {}
