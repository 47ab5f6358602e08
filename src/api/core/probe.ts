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
  path: s.string(1).optional().doc(''),
  port: s.intOrString(2).doc(''),
  host: s.string(3).optional().doc(''),
  scheme: s.oneOf(4, 'HTTP', 'HTTPS').optional().doc(''),
  httpHeaders: s.list(5, httpHeader).optional().doc(''),
  protocol: s
    .oneOf(6, 'HTTP1', 'HTTP2')
    .optional() /* gate H2CContainerProbe */
    .doc(''),
});
export interface HTTPGetAction extends Of<typeof httpGetAction> {}

export const tcpSocketAction = struct('core.v1.TCPSocketAction', {
  port: s.intOrString(1).doc(''),
  host: s.string(2).optional().doc(''),
});
export interface TCPSocketAction extends Of<typeof tcpSocketAction> {}

export const grpcAction = struct('core.v1.GRPCAction', {
  port: s.int32(1).doc(''),
  service: s
    .string(2)
    .optional() /* default "" */
    .doc(''),
  mode: s
    .oneOf(3, 'Plaintext', 'TLS')
    .optional() /* gate GRPCContainerProbeTLS */
    .doc(''),
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
  timeoutSeconds: s.int32(3).optional().doc(''),
  periodSeconds: s.int32(4).optional().doc(''),
  successThreshold: s.int32(5).optional().doc(''),
  failureThreshold: s.int32(6).optional().doc(''),
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
  stopSignal: s
    .oneOf(
      3,
      'SIGABRT',
      'SIGALRM',
      'SIGBUS',
      'SIGCHLD',
      'SIGCLD',
      'SIGCONT',
      'SIGFPE',
      'SIGHUP',
      'SIGILL',
      'SIGINT',
      'SIGIO',
      'SIGIOT',
      'SIGKILL',
      'SIGPIPE',
      'SIGPOLL',
      'SIGPROF',
      'SIGPWR',
      'SIGQUIT',
      'SIGSEGV',
      'SIGSTKFLT',
      'SIGSTOP',
      'SIGSYS',
      'SIGTERM',
      'SIGTRAP',
      'SIGTSTP',
      'SIGTTIN',
      'SIGTTOU',
      'SIGURG',
      'SIGUSR1',
      'SIGUSR2',
      'SIGVTALRM',
      'SIGWINCH',
      'SIGXCPU',
      'SIGXFSZ',
      'SIGRTMIN',
      'SIGRTMIN+1',
      'SIGRTMIN+2',
      'SIGRTMIN+3',
      'SIGRTMIN+4',
      'SIGRTMIN+5',
      'SIGRTMIN+6',
      'SIGRTMIN+7',
      'SIGRTMIN+8',
      'SIGRTMIN+9',
      'SIGRTMIN+10',
      'SIGRTMIN+11',
      'SIGRTMIN+12',
      'SIGRTMIN+13',
      'SIGRTMIN+14',
      'SIGRTMIN+15',
      'SIGRTMAX-14',
      'SIGRTMAX-13',
      'SIGRTMAX-12',
      'SIGRTMAX-11',
      'SIGRTMAX-10',
      'SIGRTMAX-9',
      'SIGRTMAX-8',
      'SIGRTMAX-7',
      'SIGRTMAX-6',
      'SIGRTMAX-5',
      'SIGRTMAX-4',
      'SIGRTMAX-3',
      'SIGRTMAX-2',
      'SIGRTMAX-1',
      'SIGRTMAX',
    )
    .optional()
    .doc(''),
});
export interface Lifecycle extends Of<typeof lifecycle> {}
