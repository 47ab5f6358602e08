/**
 * Differences from the reference that stay, each with its reason. A line of `compare.ts` that fits one is counted apart and ends no run. What is merely not
 * done yet does not belong here.
 */

export interface Known {
  /** The kind, or `*`. */
  readonly kind: string;
  readonly line: RegExp;
  readonly reason: string;
}

export const known: readonly Known[] = [
  {
    kind: '*',
    line: /compilation failed|must evaluate to/,
    reason: 'CEL is not compiled when it is written; a faulty expression fails when it is used.',
  },
  {
    kind: '*',
    line: /resourceVersion should not be set on objects to be created/,
    reason:
      'A version on create is a mistake of the client: 400 for every text but 0, where the reference ignores some.',
  },
  {
    kind: '*',
    line: /strconv\.ParseUint/,
    reason: 'A resourceVersion that is no number is a conflict; the reference answers 500.',
  },
  {
    kind: '*',
    line: /\|metadata\.generateName\||OBJECT \.metadata\.generateName/,
    reason: 'generateName is checked by the rule of names on update too; the reference does so for some kinds.',
  },
  {
    kind: '*',
    line: /\|metadata\.name\|Invalid value: "[^"]*": may not contain '\/'/,
    reason: 'A name that cannot be a part of a path is told so beside the rule of its kind.',
  },
  {
    kind: '*',
    line: /OBJECT .*(?:Time|Timestamp|[fF]irstTimestamp|[lL]astTimestamp) ours absent theirs null/,
    reason: 'An absent date is left out; the reference writes null.',
  },
  {
    kind: '*',
    line: /StorageError: invalid object/,
    reason: 'A precondition that failed is told without the words of the store, which etcd keys are part of.',
  },
  {
    kind: '*',
    line: /BadRequest .*parsing time/,
    reason: 'Times are read with any number of decimals; the reference wants six where it writes six.',
  },
  {
    kind: 'Role',
    line: /OBJECT \.rules ours \[\] theirs null/,
    reason: 'An empty list is an empty list.',
  },
  {
    kind: 'ClusterRole',
    line: /OBJECT \.rules ours \[\] theirs null/,
    reason: 'An empty list is an empty list.',
  },
  {
    kind: 'Service',
    line: /OBJECT \.spec\.(?:clusterIPs?|ports)(?:\.\d+)?(?:\.nodePort)? ours "?[\d.]+"? theirs/,
    reason: 'Each server allocates addresses and ports of its own.',
  },
  {
    kind: 'CertificateSigningRequest',
    line: /OBJECT \.spec\.(?:username|uid|groups|extra)/,
    reason: 'The two servers know the asker by different names.',
  },
];

export const isKnown = (kind: string, line: string): boolean =>
  known.some((one) => (one.kind === '*' || one.kind === kind) && one.line.test(line));
