/**
 * The rules for names: each checks one text and answers what is wrong with it, in upstream's words, an empty list when nothing is.
 * The rules are those of apimachinery's util/validation. Only the texts here are compared: no path, no cause (see `causes.ts`).
 */

export type NameCheck = (value: string) => readonly string[];

const none: readonly string[] = Object.freeze([]);

const label = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain = `${label}(\\.${label})*`;
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const keyName = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const value = `(${keyName})?`;
const percentage = '[0-9]+%';
const header = '[-A-Za-z0-9]+';
const configKey = '[-._a-zA-Z0-9]+';
const wildcard = `\\*\\.${subdomain}`;

// Matched character by character below where a pattern could backtrack; these are linear: each repetition is delimited.
const whole = (pattern: string): RegExp => new RegExp(`^${pattern}$`);
const keyNamePattern = whole(keyName);
const valuePattern = whole(value);
const percentPattern = whole(percentage);
const headerPattern = whole(header);
const configKeyPattern = whole(configKey);
const label1035Pattern = whole(label1035);

export const dns1123LabelMax = 63;
export const dns1123SubdomainMax = 253;

/** Bytes, as Go's len counts. */
const bytes = (text: string): number => (/^[\0-\x7f]*$/.test(text) ? text.length : Buffer.byteLength(text));

const tooLong = (max: number): string => `must be no more than ${max} characters`;
const tooManyBytes = (max: number): string => `must be no more than ${max} bytes`;

function regexText(message: string, pattern: string, ...examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  return examples.length === 0
    ? `${message} (regex used for validation is '${pattern}')`
    : `${message} (e.g. ${shown}regex used for validation is '${pattern}')`;
}

const isAlphanumeric = (code: number): boolean => (code >= 97 && code <= 122) || (code >= 48 && code <= 57);

/** Lower-case alphanumerics and '-', alphanumeric at both ends: decided in one pass, this is on the path of every write. */
function isLabel(text: string, from = 0, to = text.length): boolean {
  if (from >= to) return false;
  if (!isAlphanumeric(text.charCodeAt(from)) || !isAlphanumeric(text.charCodeAt(to - 1))) return false;
  for (let at = from + 1; at < to - 1; at++) {
    const code = text.charCodeAt(at);
    if (!isAlphanumeric(code) && code !== 45) return false;
  }
  return true;
}

function isSubdomain(text: string): boolean {
  let from = 0;
  for (;;) {
    const dot = text.indexOf('.', from);
    if (!isLabel(text, from, dot === -1 ? text.length : dot)) return false;
    if (dot === -1) return true;
    from = dot + 1;
  }
}

const labelMessage = regexText(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  label,
  'my-name',
  '123-abc',
);
const subdomainMessage = regexText(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  subdomain,
  'example.com',
);

export function dns1123Label(text: string): readonly string[] {
  if (text.length <= dns1123LabelMax && isLabel(text)) return none;
  const found = bytes(text) > dns1123LabelMax ? [tooLong(dns1123LabelMax)] : [];
  if (!isLabel(text)) found.push(isSubdomain(text) ? 'must not contain dots' : labelMessage);
  return found;
}

const underscoreLabel = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const underscoreSubdomain = `${underscoreLabel}(\\.${underscoreLabel})*`;
const underscorePattern = new RegExp(`^${underscoreSubdomain}$`);

const underscoreMessage = regexText(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
  underscoreSubdomain,
  'example.com',
);

/** A search path of DNS: underscores are in use there. */
export function dns1123SubdomainWithUnderscore(text: string): readonly string[] {
  const found = bytes(text) > dns1123SubdomainMax ? [tooLong(dns1123SubdomainMax)] : [];
  if (!underscorePattern.test(text)) found.push(underscoreMessage);
  return found;
}

export function dns1123Subdomain(text: string): readonly string[] {
  if (text.length <= dns1123SubdomainMax && isSubdomain(text)) return none;
  const found = bytes(text) > dns1123SubdomainMax ? [tooLong(dns1123SubdomainMax)] : [];
  if (!isSubdomain(text)) found.push(subdomainMessage);
  return found;
}

/** A rule as upstream's declarative validation tells it: it counts in bytes. */
const declared =
  (check: NameCheck): NameCheck =>
  (text) =>
    check(text).map((message) => message.replace(/^(must be no more than \d+) characters$/, '$1 bytes'));

/** DNS-1123 labels and subdomains, and subdomains in letters of any case, where upstream declares them. */
export const shortName = declared(dns1123Label);
export const longName = declared(dns1123Subdomain);
export const longNameOfAnyCase: NameCheck = (text) =>
  longName(text.toLowerCase()).map((message) =>
    message.replace('a lowercase RFC', 'an RFC').replace('lower case ', '').replace("'example", "'Example"),
  );

export function dns1035Label(text: string): readonly string[] {
  const found = bytes(text) > dns1123LabelMax ? [tooLong(dns1123LabelMax)] : [];
  if (!label1035Pattern.test(text)) {
    found.push(
      regexText(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        label1035,
        'my-name',
        'abc-123',
      ),
    );
  }
  return found;
}

export function wildcardDns1123Subdomain(text: string): readonly string[] {
  const found = bytes(text) > dns1123SubdomainMax ? [tooLong(dns1123SubdomainMax)] : [];
  if (!text.startsWith('*.') || !isSubdomain(text.slice(2))) {
    found.push(
      regexText(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
        wildcard,
        '*.example.com',
      ),
    );
  }
  return found;
}

const keyMessage = regexText(
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  keyName,
  'MyName',
  'my.name',
  '123-abc',
);

/** A label key: `name` or `prefix.example.com/name`. Also called a qualified name. */
export function labelKey(text: string): readonly string[] {
  const slash = text.indexOf('/');
  if (slash !== -1 && text.indexOf('/', slash + 1) !== -1) {
    return [
      `a valid label key ${keyMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const found: string[] = [];
  if (slash === 0) found.push('prefix part must be non-empty');
  else if (slash > 0) {
    const prefix = text.slice(0, slash);
    if (bytes(prefix) > dns1123SubdomainMax) found.push(`prefix part ${tooManyBytes(dns1123SubdomainMax)}`);
    if (!isSubdomain(prefix)) found.push(`prefix part ${subdomainMessage}`);
  }
  const name = slash === -1 ? text : text.slice(slash + 1);
  if (name === '') found.push('name part must be non-empty');
  else if (bytes(name) > dns1123LabelMax) found.push(`name part ${tooManyBytes(dns1123LabelMax)}`);
  if (!keyNamePattern.test(name)) found.push(`name part ${keyMessage}`);
  return found.length === 0 ? none : found;
}

export function labelValue(text: string): readonly string[] {
  if (text.length <= dns1123LabelMax && valuePattern.test(text)) return none;
  const found = bytes(text) > dns1123LabelMax ? [tooManyBytes(dns1123LabelMax)] : [];
  if (!valuePattern.test(text)) {
    found.push(
      regexText(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        value,
        'MyValue',
        'my_value',
        '12345',
      ),
    );
  }
  return found;
}

export function portNumber(port: number): readonly string[] {
  return inRange(port, 1, 65535);
}

export function inRange(number: number, min: number, max: number): readonly string[] {
  return number >= min && number <= max ? none : [`must be between ${min} and ${max}, inclusive`];
}

/** An IANA service name: how container and service ports are called. */
export function portName(text: string): readonly string[] {
  const found: string[] = [];
  if (bytes(text) > 15) found.push(tooLong(15));
  if (!/^[-a-z0-9]+$/.test(text)) found.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(text)) found.push('must contain at least one letter (a-z)');
  if (text.includes('--')) found.push('must not contain consecutive hyphens');
  if (text.startsWith('-') || text.endsWith('-')) found.push('must not begin or end with a hyphen');
  return found;
}

export function percent(text: string): readonly string[] {
  if (percentPattern.test(text)) return none;
  return [
    regexText("a valid percent string must be a numeric string followed by an ending '%'", percentage, '1%', '93%'),
  ];
}

export function httpHeaderName(text: string): readonly string[] {
  if (headerPattern.test(text)) return none;
  return [regexText("a valid HTTP header must consist of alphanumeric characters or '-'", header, 'X-Header-Name')];
}

function directoryPrefix(text: string): readonly string[] {
  if (text === '.') return ["must not be '.'"];
  if (text === '..') return ["must not be '..'"];
  return text.startsWith('..') ? ["must not start with '..'"] : none;
}

/** The rule for variable names since 1.32: all printable ASCII but '='. */
export function relaxedEnvVarName(text: string): readonly string[] {
  if (text === '') return ['environment variable name must be non-empty'];
  return /^[\x20-<>-\x7e]+$/.test(text)
    ? none
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** Keys of ConfigMaps and Secrets: file names. */
export function configMapKey(text: string): readonly string[] {
  const found: string[] = [];
  if (bytes(text) > dns1123SubdomainMax) found.push(tooLong(dns1123SubdomainMax));
  if (!configKeyPattern.test(text)) {
    found.push(
      regexText(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        configKey,
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  return [...found, ...directoryPrefix(text)];
}

/** What may stand between two slashes of a URL: the rule for RBAC names. */
export function pathSegment(text: string): readonly string[] {
  if (text === '.') return ["may not be '.'"];
  if (text === '..') return ["may not be '..'"];
  const found: string[] = [];
  for (const part of ['/', '%']) if (text.includes(part)) found.push(`may not contain '${part}'`);
  return found;
}

/** A name in the C language: how device attributes are called. */
export function cIdentifier(text: string): readonly string[] {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return none;
  return [
    regexText(
      "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
      '[A-Za-z_][A-Za-z0-9_]*',
      'my_name',
      'MY_NAME',
      'MyName',
    ),
  ];
}

const reason = '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?';
const reasonPattern = whole(reason);

/** Why a condition holds, for programs. */
export function conditionReason(text: string): readonly string[] {
  if (reasonPattern.test(text)) return none;
  return [
    regexText(
      "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'",
      reason,
      'my_name',
      'MY_NAME',
      'MyName',
      'ReasonA,ReasonB',
      'ReasonA:ReasonB',
    ),
  ];
}

/** Rules for metadata.name, by the word that a Kind's hook uses. */
export const objectNames = {
  dns1123Subdomain,
  dns1123Label,
  dns1035Label,
  longName,
  pathSegment,
} as const satisfies Readonly<Record<string, NameCheck>>;

/** Checks a generateName: a trailing dash is no fault, because text follows it. */
export function namePrefix(check: NameCheck, prefix: string): readonly string[] {
  // Upstream replaces the dash and the character before it; the answer differs only for names nobody writes.
  if (check !== pathSegment && prefix.length > 1 && prefix.endsWith('-')) return check(`${prefix.slice(0, -2)}a`);
  return check(prefix);
}
