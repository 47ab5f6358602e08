/**
 * What requests may say beside their body, for OpenAPI: in the query and in the path.
 */

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
  readonly required?: boolean;
}

const query = (name: string, type: Parameter['type'], description: string): Parameter => ({
  name,
  in: 'query',
  type,
  description,
});

export const inPath = (name: string, description: string): Parameter => ({
  name,
  in: 'path',
  type: 'string',
  description,
  required: true,
});

export const pretty = query('pretty', 'string', 'Print the answer indented.');
const dryRun = query('dryRun', 'string', 'With `All` every step is done but the write itself.');

export const writing: readonly Parameter[] = [
  dryRun,
  query('fieldManager', 'string', 'The name under which changed fields are remembered.'),
  query('fieldValidation', 'string', 'What becomes of unknown and duplicate fields: Ignore, Warn or Strict.'),
];
export const patching: readonly Parameter[] = [
  ...writing,
  query('force', 'boolean', 'Apply only: take fields over from other managers.'),
];
export const deletion: readonly Parameter[] = [
  dryRun,
  query('gracePeriodSeconds', 'integer', 'Seconds the object may take to end.'),
  query('ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean', 'Delete even what cannot be read.'),
  query('orphanDependents', 'boolean', 'Deprecated: use propagationPolicy.'),
  query('propagationPolicy', 'string', 'What becomes of dependents: Orphan, Background or Foreground.'),
];
export const selecting: readonly Parameter[] = [
  query('continue', 'string', 'Token of the next page, from the page before.'),
  query('fieldSelector', 'string', 'Only objects whose fields match.'),
  query('labelSelector', 'string', 'Only objects whose labels match.'),
  query('limit', 'integer', 'At most so many objects on one page.'),
  query('resourceVersion', 'string', 'How fresh the answer must be.'),
  query('resourceVersionMatch', 'string', 'How resourceVersion is meant: NotOlderThan or Exact.'),
  query('sendInitialEvents', 'boolean', 'A watch begins with the current state.'),
  query('timeoutSeconds', 'integer', 'How long the call may take.'),
];
export const listing: readonly Parameter[] = [
  query('allowWatchBookmarks', 'boolean', 'Watch events may tell the resource version alone.'),
  ...selecting,
  query('watch', 'boolean', 'Stream changes instead of listing.'),
];

const container = query('container', 'string', 'Which container, where there are several.');
const streams: readonly Parameter[] = [
  container,
  query('stderr', 'boolean', 'Send what the process writes to its standard error.'),
  query('stdin', 'boolean', 'Pass input on to the process.'),
  query('stdout', 'boolean', 'Send what the process writes to its standard output.'),
  query('tty', 'boolean', 'The process has a terminal.'),
];

/** What subresources take that are no objects. */
export const subresourceParameters: Readonly<Record<string, readonly Parameter[]>> = {
  attach: streams,
  exec: [query('command', 'string', 'A word of the command; given once for each.'), ...streams],
  log: [
    container,
    query('follow', 'boolean', 'Go on with what is written from now on.'),
    query('insecureSkipTLSVerifyBackend', 'boolean', "Do not check the kubelet's certificate."),
    query('limitBytes', 'integer', 'At most so many bytes.'),
    query('previous', 'boolean', 'Of the container before its last restart.'),
    query('sinceSeconds', 'integer', 'Nothing older than so many seconds.'),
    query('stream', 'string', 'All, Stdout or Stderr.'),
    query('tailLines', 'integer', 'The last so many lines.'),
    query('timestamps', 'boolean', 'Each line begins with its time.'),
  ],
  portforward: [query('ports', 'integer', 'A port of the pod; given once for each.')],
  proxy: [query('path', 'string', 'The path that is asked for behind the proxy.')],
};
