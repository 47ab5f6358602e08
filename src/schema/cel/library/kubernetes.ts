/**
 * Kubernetes' own libraries of CEL, as they are at 1.37. https://kubernetes.io/docs/reference/using-api/cel/#cel-options-language-features-and-libraries
 */
import type { Library } from '../declare.ts';

const ordered = ['int', 'uint', 'double', 'bool', 'duration', 'timestamp', 'string', 'bytes'];

/** An overload for lists of each type that has an order. */
const ofEach = (types: readonly string[], id: (type: string) => string, result: (type: string) => string): string =>
  types.map((type) => `${id(type)}: list(${type}).() ${result(type)}`).join('\n');

const lists: Library = {
  indexOf: `list_a_index_of_int: list(A).(A) int`,
  isSorted: ofEach(
    ordered,
    (type) => `list_${type}_is_sorted_bool`,
    () => 'bool',
  ),
  lastIndexOf: `list_a_last_index_of_int: list(A).(A) int`,
  max: ofEach(
    ordered,
    (type) => `list_${type}_max_${type}`,
    (type) => type,
  ),
  min: ofEach(
    ordered,
    (type) => `list_${type}_min_${type}`,
    (type) => type,
  ),
  sum: ofEach(
    ['int', 'uint', 'double', 'duration'],
    (type) => `list_${type}_sum_${type}`,
    (type) => type,
  ),
};

const regex: Library = {
  find: `string_find_string: string.(string) string`,
  findAll: `
    string_find_all_string: string.(string) list(string)
    string_find_all_string_int: string.(string, int) list(string)`,
};

const urls: Library = {
  getEscapedPath: `url_get_escaped_path: kubernetes.URL.() string`,
  getHost: `url_get_host: kubernetes.URL.() string`,
  getHostname: `url_get_hostname: kubernetes.URL.() string`,
  getPort: `url_get_port: kubernetes.URL.() string`,
  getQuery: `url_get_query: kubernetes.URL.() map(string, list(string))`,
  getScheme: `url_get_scheme: kubernetes.URL.() string`,
  isURL: `is_url_string: (string) bool`,
  url: `string_to_url: (string) kubernetes.URL`,
};

const ip: Library = {
  family: `ip_family: !net.IP.() int`,
  ip: `string_to_ip: (string) !net.IP`,
  'ip.isCanonical': `ip_is_canonical: (string) bool`,
  isGlobalUnicast: `ip_is_global_unicast: !net.IP.() bool`,
  isIP: `is_ip: (string) bool`,
  isLinkLocalMulticast: `ip_is_link_local_multicast: !net.IP.() bool`,
  isLinkLocalUnicast: `ip_is_link_local_unicast: !net.IP.() bool`,
  isLoopback: `ip_is_loopback: !net.IP.() bool`,
  isUnspecified: `ip_is_unspecified: !net.IP.() bool`,
  string: `ip_to_string: (!net.IP) string`,
};

const cidr: Library = {
  cidr: `string_to_cidr: (string) !net.CIDR`,
  containsCIDR: `
    cidr_contains_cidr_string: !net.CIDR.(string) bool
    cidr_contains_cidr: !net.CIDR.(!net.CIDR) bool`,
  containsIP: `
    cidr_contains_ip_string: !net.CIDR.(string) bool
    cidr_contains_ip_ip: !net.CIDR.(!net.IP) bool`,
  ip: `cidr_ip: !net.CIDR.() !net.IP`,
  isCIDR: `is_cidr: (string) bool`,
  masked: `cidr_masked: !net.CIDR.() !net.CIDR`,
  prefixLength: `cidr_prefix_length: !net.CIDR.() int`,
  string: `cidr_to_string: (!net.CIDR) string`,
};

const quantity: Library = {
  add: `
    quantity_add: kubernetes.Quantity.(kubernetes.Quantity) kubernetes.Quantity
    quantity_add_int: kubernetes.Quantity.(int) kubernetes.Quantity`,
  asApproximateFloat: `quantity_get_float: kubernetes.Quantity.() double`,
  asInteger: `quantity_get_int: kubernetes.Quantity.() int`,
  compareTo: `quantity_compare_to: kubernetes.Quantity.(kubernetes.Quantity) int`,
  isGreaterThan: `quantity_is_greater_than: kubernetes.Quantity.(kubernetes.Quantity) bool`,
  isInteger: `quantity_is_integer: kubernetes.Quantity.() bool`,
  isLessThan: `quantity_is_less_than: kubernetes.Quantity.(kubernetes.Quantity) bool`,
  isQuantity: `is_quantity_string: (string) bool`,
  quantity: `string_to_quantity: (string) kubernetes.Quantity`,
  sign: `quantity_sign: (kubernetes.Quantity) int`,
  sub: `
    quantity_sub: kubernetes.Quantity.(kubernetes.Quantity) kubernetes.Quantity
    quantity_sub_int: kubernetes.Quantity.(int) kubernetes.Quantity`,
};

const semver: Library = {
  compareTo: `semver_compare_to: kubernetes.Semver.(kubernetes.Semver) int`,
  isGreaterThan: `semver_is_greater_than: kubernetes.Semver.(kubernetes.Semver) bool`,
  isLessThan: `semver_is_less_than: kubernetes.Semver.(kubernetes.Semver) bool`,
  isSemver: `
    is_semver_string: (string) bool
    is_semver_string_bool: (string, bool) bool`,
  major: `semver_major: kubernetes.Semver.() int`,
  minor: `semver_minor: kubernetes.Semver.() int`,
  patch: `semver_patch: kubernetes.Semver.() int`,
  semver: `
    string_to_semver: (string) kubernetes.Semver
    string_bool_to_semver: (string, bool) kubernetes.Semver`,
};

const named =
  'byte date datetime dns1035Label dns1035LabelPrefix dns1123Label dns1123LabelPrefix dns1123Subdomain dns1123SubdomainPrefix labelValue qualifiedName uri uuid';

const format: Library = {
  ...Object.fromEntries(
    named.split(' ').map((name) => [`format.${name}`, `format.${name}: () kubernetes.NamedFormat`]),
  ),
  'format.named': `format-named: (string) optional(kubernetes.NamedFormat)`,
  validate: `format-validate: kubernetes.NamedFormat.(string) optional(list(string))`,
};

const authz = 'kubernetes.authorization';

const authorizer: Library = {
  allowed: `decision_allowed: ${authz}.Decision.() bool`,
  check: `
    pathcheck_check: ${authz}.PathCheck.(string) ${authz}.Decision
    resourcecheck_check: ${authz}.ResourceCheck.(string) ${authz}.Decision`,
  error: `decision_error: ${authz}.Decision.() string`,
  errored: `decision_errored: ${authz}.Decision.() bool`,
  fieldSelector: `authorizer_fieldselector: ${authz}.ResourceCheck.(string) ${authz}.ResourceCheck`,
  group: `authorizer_group: ${authz}.Authorizer.(string) ${authz}.GroupCheck`,
  labelSelector: `authorizer_labelselector: ${authz}.ResourceCheck.(string) ${authz}.ResourceCheck`,
  name: `resourcecheck_name: ${authz}.ResourceCheck.(string) ${authz}.ResourceCheck`,
  namespace: `resourcecheck_namespace: ${authz}.ResourceCheck.(string) ${authz}.ResourceCheck`,
  path: `authorizer_path: ${authz}.Authorizer.(string) ${authz}.PathCheck`,
  reason: `decision_reason: ${authz}.Decision.() string`,
  resource: `groupcheck_resource: ${authz}.GroupCheck.(string) ${authz}.ResourceCheck`,
  serviceAccount: `authorizer_serviceaccount: ${authz}.Authorizer.(string, string) ${authz}.Authorizer`,
  subresource: `resourcecheck_subresource: ${authz}.ResourceCheck.(string) ${authz}.ResourceCheck`,
};

/** What every expression of Kubernetes can call beside CEL's own. */
export const kubernetesLibraries: readonly Library[] = [
  urls,
  regex,
  lists,
  authorizer,
  quantity,
  ip,
  cidr,
  format,
  semver,
];

/** What came with 1.37: expressions that are stored may call it, new ones when every server can be trusted to know it. */
export const newestLibrary: Library = { includes: `list_includes_dyn_dyn: dyn.(dyn) bool` };

/** What patches of mutating policies can call besides. */
export const jsonPatch: Library = { 'jsonpatch.escapeKey': `string_jsonpatch_escapeKey_string: (string) string` };
