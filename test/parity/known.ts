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
    line: /ours 400 BadRequest resourceVersion should not be set on objects to be created\n/,
    reason: 'A dry run of a create refuses a version as the create would; the reference ignores it until it writes.',
  },
  {
    kind: '*',
    line: /strconv\.ParseUint/,
    reason: 'A resourceVersion that is no number is a conflict; the reference answers 500.',
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
    kind: '*',
    line: /^CAUSE only (?:ours|theirs) FieldValueInvalid\|spec\.template(?:\.spec)?\|Invalid value: \{.*: field is immutable$/,
    reason: 'A whole pod that may not change is printed as it was written; the reference prints its internal form.',
  },
  {
    kind: '*',
    line: /\|spec\.template\.metadata\.labels\|Invalid value: (?:null|\{\}): `selector` does not match/,
    reason: 'An empty map is an absent one: the reference tells {} from null in this text.',
  },
  {
    kind: '*',
    line: /^CAUSE only (?:ours|theirs) FieldValueInvalid\|spec\.(?:volumeClaimTemplates|podFailurePolicy)\|Invalid value: .*: field is immutable$/,
    reason: 'An empty list is an absent one: the reference tells [] from null in this text.',
  },
  {
    kind: 'ReplicationController',
    line: /^WARNING ours \["299 .* theirs \[\]$/,
    reason: 'An update is warned of what is odd in the new template; the reference looks at the old one.',
  },
  {
    kind: '*',
    line: /theirs (?:422 Invalid )?FieldValueForbidden\|\S*(?:phemeralContainers\[\d+\]\.(?:ports|resizePolicy|restartPolicyRules|resources)|\.volumeClaimTemplate\.metadata\.(?:ownerReferences|finalizers)|spec\.resources\.claims)\|Forbidden: (?:claims may not|cannot) be set/,
    reason: 'An empty list is an absent one, also where none may be.',
  },
  {
    kind: '*',
    line: /OBJECT \S+ ours (?:absent|\[\]) theirs null/,
    reason: 'An empty list is one, and what is not there is left out, where Go writes null.',
  },
  {
    kind: '*',
    line: /Invalid value: (?:null|\[\]): (?:either `defaultBackend` or `rules` must be specified)/,
    reason: 'An empty list is no list: a cause cannot tell which of the two was sent.',
  },
  {
    kind: 'PersistentVolume',
    line: /\|spec\.capacity\|Unsupported value: (?:null|\{\}): supported/,
    reason: 'An empty map is no map: a cause cannot tell which of the two was sent.',
  },
  {
    kind: 'PersistentVolume',
    line: /OBJECT \.status\.lastPhaseTransitionTime ours "2/,
    reason: 'Two servers write at two moments.',
  },
  {
    kind: 'CSINode',
    line: /"TopologyKeys":(?:null|\[\]),"Allocatable":null\}: field is immutable/,
    reason: 'An empty list is no list: a cause cannot tell which of the two was sent.',
  },
  {
    kind: 'NetworkPolicy',
    line: /OBJECT \.metadata\.generation ours 1 theirs 2/,
    reason: 'An empty list in place of none changes nothing; the reference counts it.',
  },
  {
    kind: 'Service',
    line: /OBJECT \.spec\.(?:clusterIPs?|ports)(?:\.\d+)?(?:\.nodePort)? ours "?[\d.]+"? theirs|\|spec\.clusterIPs.*"10\.(?:9[6-9]|1[01]\d)\.\d+\.\d+"/,
    reason: 'Each server allocates addresses and ports of its own.',
  },
  ...['LocalSubjectAccessReview', 'SelfSubjectAccessReview', 'SubjectAccessReview'].flatMap((kind) => [
    {
      kind,
      line: /^MESSAGE ours \w+\.authorization\.k8s\.io "" is invalid: .*\n +theirs \.authorization\.k8s\.io ""/,
      reason: 'The message names the kind; that of the reference begins with a dot.',
    },
    {
      kind,
      line: /\|metadata\|Invalid value: .*: must be empty/,
      reason: 'The printed metadata has managed fields in the reference, also of what is never stored.',
    },
  ]),
  {
    kind: 'SelfSubjectRulesReview',
    line: /OBJECT \.status\.(?:non)?[rR]esourceRules/,
    reason: 'Rules come in the order of the bindings, which is not the same.',
  },
  {
    kind: 'SelfSubjectReview',
    line: /OBJECT \.status\.userInfo\./,
    reason: 'The two servers know the asker by different names.',
  },
  {
    kind: 'TokenReview',
    line: /OBJECT \.status\.error ours "\[invalid bearer token\]"/,
    reason: 'The reference has one authenticator of tokens here, and tells a list of faults when it has several.',
  },
  {
    kind: 'DeviceTaintRule',
    line: /OBJECT \.spec\.taint\.timeAdded ours "/,
    reason: 'The time is that of the write.',
  },
  ...['Event', 'ClusterTrustBundle', 'IPAddress'].map((kind) => ({
    kind,
    line: /^CAUSE only ours .*\|metadata\.(?:name|generateName)\|Invalid value: "[^"]*": may not contain '\/'/,
    reason: 'A name that cannot be a part of a path is told so beside the rule of its kind.',
  })),
  ...['FlowSchema', 'APIService', 'CustomResourceDefinition'].map((kind) => ({
    kind,
    line: /OBJECT \.status\.|\|status\.conditions\[\d+\]\.type\|(?:Required|Duplicate) value/,
    reason:
      'The reference runs the controller that writes this status, here none runs: the two begin with different ones.',
  })),
  {
    kind: 'CustomResourceDefinition',
    line: /\|spec\.(?:names\.kind|scope)\|Invalid value: "[^"]*": field is immutable/,
    reason: 'The same controller establishes the definition; from then on these fields cannot change.',
  },
  ...['APIService', 'CustomResourceDefinition'].map((kind) => ({
    kind,
    line: /^CAUSE count/,
    reason: 'A cause is told once; these two strategies of the reference check metadata several times.',
  })),
  {
    kind: 'CustomResourceDefinition',
    line: /openAPIV3Schema\.(?:items|dependencies) of type/,
    reason: 'A schema that is none is refused; the reference reads it as an empty one.',
  },
  {
    kind: 'CustomResourceDefinition',
    line: /dependencies is not supported$|openAPIV3Schema\.items ours \[\] theirs absent/,
    reason: 'An empty map or list is none here; in the internal types of the reference it differs from none.',
  },
  {
    kind: 'PodCertificateRequest',
    line: /\|spec\|Invalid value: \{.*\}: field is immutable/,
    reason: 'The printed value has fields that only other versions have.',
  },
  ...['ResourceClaim', 'ResourceClaimTemplate'].map((kind) => ({
    kind,
    line: /OBJECT \.spec\.(?:spec\.)?devices\.requests ours absent theirs null/,
    reason: 'An absent list is left out; the reference writes null for the few that lack omitempty.',
  })),
  {
    kind: 'ResourceClaim',
    line: /ours 200\n +theirs 422 Invalid FieldValueInvalid\|spec\|Invalid value: null: field is immutable/,
    reason: 'An empty map or struct is none here: nothing has changed.',
  },
  {
    kind: 'ResourceClaimTemplate',
    line: /"(?:Requests|Selectors|Tolerations)":(?:\[\]|\{\}|null).*field is immutable|metadata\.(?:ownerReferences|finalizers)\|Forbidden: cannot be set$/,
    reason: 'An empty map or list is none here; in the internal types of the reference it differs from none.',
  },
  {
    kind: 'ResourceSlice',
    line: /only one of `sharedCounters` or `devices` is allowed$/,
    reason: 'An empty list is none here; in the internal types of the reference it differs from none.',
  },
  {
    kind: 'ResourceSlice',
    line: /attributes\[a{40,}|attributes\[a+\.\.\.a+\]/,
    reason: 'A key that is too long is told shortened, and its fault once; the reference tells it in full, too.',
  },
  ...['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'].map((kind) => ({
    kind,
    line: /OBJECT \.metadata\.generation ours 1 theirs 2/,
    reason: 'Empty bytes are none here: nothing has changed.',
  })),
  {
    kind: 'MutatingWebhookConfiguration',
    line: /clientConfig\.service\.name(?:space)?\|Required value$/,
    reason: 'The reference tells the name as missing when the namespace is, and the reverse.',
  },
  {
    kind: 'Service',
    line: /failed to allocate IP 10\.0\.0\.1: the provided /,
    reason: 'A dry run says what the write would say; the reference asks a range that it has picked at random.',
  },
  {
    kind: 'Service',
    line: /nodePort\|Invalid value: -?\d+: provided port is not in the valid range.*\n +theirs 20/,
    reason: 'A dry run says what the write would say; the reference looks at the range of ports only when it writes.',
  },
  {
    kind: 'Service',
    line: /CAUSE only theirs FieldValueDuplicate\|spec\.ports\[\d+\]\.nodePort|theirs 500 undefined duplicate nodePort/,
    reason: 'Ports are given to a Service that is right in all else; the reference gives them before it looks.',
  },
  {
    kind: 'CertificateSigningRequest',
    line: /OBJECT \.spec\.(?:username|uid|groups|extra)/,
    reason: 'The two servers know the asker by different names.',
  },
];

export const isKnown = (kind: string, line: string): boolean =>
  known.some((one) => (one.kind === '*' || one.kind === kind) && one.line.test(line));
