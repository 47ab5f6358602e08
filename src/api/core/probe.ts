/**
 * Probes and lifecycle hooks of a container.
 */
import { inline, s, struct, t, type Of } from '#schema/type.ts';

export const execAction = struct(
  'core.v1.ExecAction',
  {
    command: s.list(1, t.string).optional().doc('Program and arguments, not in a shell. Exit status 0 is success.'),
  },
  { doc: 'Runs a command in the container.' },
);
export interface ExecAction extends Of<typeof execAction> {}

export const httpHeader = struct(
  'core.v1.HTTPHeader',
  {
    name: s.string(1).ruled().doc('Name of the header.'),
    value: s.string(2).default('').doc('Value of the header.'),
  },
  { doc: "One header of a probe's request." },
);
export interface HTTPHeader extends Of<typeof httpHeader> {}

export const httpGetAction = struct(
  'core.v1.HTTPGetAction',
  {
    path: s.string(1).default('/').doc('Path of the request.'),
    port: s.intOrString(2).ruled().doc('Number or name of the port.'),
    host: s.string(3).optional().doc("Host to connect to; the pod's address when empty. Rather set a Host header."),
    scheme: s.oneOf(4, 'HTTP', 'HTTPS').ruled().default('HTTP').doc('HTTP or HTTPS.'),
    httpHeaders: s.list(5, httpHeader).optional().doc('Headers to send.'),
    protocol: s.oneOf(6, 'HTTP1', 'HTTP2').keepsZero().off('H2CContainerProbe').doc('HTTP1, or HTTP2 without TLS.'),
  },
  { doc: 'Sends an HTTP GET request.' },
);
export interface HTTPGetAction extends Of<typeof httpGetAction> {}

export const tcpSocketAction = struct(
  'core.v1.TCPSocketAction',
  {
    port: s.intOrString(1).ruled().doc('Number or name of the port.'),
    host: s.string(2).optional().doc("Host to connect to; the pod's address when empty."),
  },
  { doc: 'Opens a TCP connection.' },
);
export interface TCPSocketAction extends Of<typeof tcpSocketAction> {}

export const grpcAction = struct(
  'core.v1.GRPCAction',
  {
    port: s.int32(1).ruled().doc('Number of the port.'),
    service: s.string(2).keepsZero().default('').doc('Name to put into the health request.'),
    mode: s.oneOf(3, 'Plaintext', 'TLS').keepsZero().off('GRPCContainerProbeTLS').doc('Plaintext or TLS.'),
  },
  { doc: 'Calls the gRPC health service.' },
);
export interface GRPCAction extends Of<typeof grpcAction> {}

export const probeHandler = struct(
  'core.v1.ProbeHandler',
  {
    exec: s.field(1, execAction).optional().doc('Run a command in the container.'),
    httpGet: s.field(2, httpGetAction).optional().doc('Send an HTTP request; 200 to 399 is success.'),
    tcpSocket: s.field(3, tcpSocketAction).optional().doc('Open a TCP connection.'),
    grpc: s.field(4, grpcAction).optional().doc('Call the gRPC health service.'),
  },
  { doc: 'How to check; exactly one member.' },
);
export interface ProbeHandler extends Of<typeof probeHandler> {}

export const probe = struct(
  'core.v1.Probe',
  {
    ...inline(1, probeHandler),
    initialDelaySeconds: s.int32(2).optional().doc("Seconds after the container's start before the first check."),
    timeoutSeconds: s.int32(3).default(1).doc('Seconds after which a check counts as failed.'),
    periodSeconds: s.int32(4).default(10).doc('Seconds between checks.'),
    successThreshold: s
      .int32(5)
      .default(1)
      .doc('Successes in a row after a failure to count as passing; 1 for liveness and startup.'),
    failureThreshold: s.int32(6).default(3).doc('Failures in a row after a success to count as failing.'),
    terminationGracePeriodSeconds: s
      .int64(7)
      .keepsZero()
      .optional()
      .doc("Grace period when this probe ends the container; the pod's when absent. Not for readiness."),
  },
  { doc: 'A health check that is repeated.' },
);
export interface Probe extends Of<typeof probe> {}

export const sleepAction = struct(
  'core.v1.SleepAction',
  {
    seconds: s.int64(1).default(0).doc('How long.'),
  },
  { doc: 'Waits.' },
);
export interface SleepAction extends Of<typeof sleepAction> {}

export const lifecycleHandler = struct(
  'core.v1.LifecycleHandler',
  {
    exec: s.field(1, execAction).optional().doc('Run a command in the container.'),
    httpGet: s.field(2, httpGetAction).optional().doc('Send an HTTP request.'),
    tcpSocket: s.field(3, tcpSocketAction).optional().doc('Old and without effect.'),
    sleep: s.field(4, sleepAction).optional().doc('Wait.'),
  },
  { doc: 'What a hook does; exactly one member.' },
);
export interface LifecycleHandler extends Of<typeof lifecycleHandler> {}

export const lifecycle = struct(
  'core.v1.Lifecycle',
  {
    postStart: s
      .field(1, lifecycleHandler)
      .optional()
      .doc('Run right after the start; when it fails the container is killed.'),
    preStop: s.field(2, lifecycleHandler).optional().doc('Run before the stop signal; counts into the grace period.'),
    stopSignal: s
      .string(3)
      .keepsZero()
      .off('ContainerStopSignals')
      .doc("The signal that ends the container; the image's or SIGTERM when absent. Needs spec.os.name."),
  },
  { doc: "Hooks around a container's life." },
);
export interface Lifecycle extends Of<typeof lifecycle> {}
