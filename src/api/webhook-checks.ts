/**
 * Where a webhook is reached: the rules for its URL, its Service and the certificates it is checked with, shared by admission webhooks and by the
 * conversion of custom resources. Wording is upstream's. Nothing here calls a webhook.
 */
import { invalidValue, required } from '#meta/causes.ts';
import { dns1123Subdomain, portNumber } from '#meta/names.ts';
import type { Causes } from './field-checks.ts';

interface ServiceReferenceLike {
  readonly namespace?: string;
  readonly name?: string;
  readonly path?: string;
  readonly port?: number;
}

export interface WebhookClientConfigLike {
  readonly url?: string;
  readonly service?: ServiceReferenceLike;
  /** base64 of PEM. */
  readonly caBundle?: string;
}

/** Exactly one of URL and Service, and that one right. */
export function* clientConfigCauses(path: string, { url, service }: WebhookClientConfigLike): Causes {
  if ((url === undefined) === (service === undefined))
    yield required(path, 'exactly one of url or service is required');
  else if (url !== undefined) yield* urlCauses(`${path}.url`, url);
  else if (service !== undefined) yield* serviceCauses(`${path}.service`, service);
}

const form = '; desired format: https://host[/path]';

function* urlCauses(path: string, text: string): Causes {
  // What a URL is, is decided by its parts as they are written, not as a browser would mend them.
  const match = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s.exec(text);
  if (match === null || /[\0-\x1f\x7f]/.test(text)) {
    yield required(path, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid character in URL${form}`);
    return;
  }
  const [, scheme = '', authority = '', , query = '', fragment = ''] = match;
  if (scheme.toLowerCase() !== 'https')
    yield invalidValue(path, scheme.toLowerCase(), `'https' is the only allowed URL scheme${form}`);
  const at = authority.lastIndexOf('@');
  const host = authority.slice(at + 1);
  if (host === '') yield invalidValue(path, host, `host must be specified${form}`);
  if (at !== -1) yield invalidValue(path, authority.slice(0, at), 'user information is not permitted in the URL');
  if (fragment !== '') yield invalidValue(path, fragment, 'fragments are not permitted in the URL');
  if (query !== '') yield invalidValue(path, query, 'query parameters are not permitted in the URL');
}

function* serviceCauses(
  at: string,
  { name = '', namespace = '', path = '', port = 443 }: ServiceReferenceLike,
): Causes {
  if (name === '') yield required(`${at}.name`, 'service name is required');
  if (namespace === '') yield required(`${at}.namespace`, 'service namespace is required');
  const wrong = portNumber(port);
  if (wrong.length > 0) yield invalidValue(`${at}.port`, port, `port is not valid: ${wrong.join(',')}`);
  if (path === '' || path === '/') return;
  if (path === '//') {
    yield invalidValue(`${at}.path`, path, 'segment[0] may not be empty');
    return;
  }
  if (!path.startsWith('/')) yield invalidValue(`${at}.path`, path, "must start with a '/'");
  const steps = path.slice(1).replace(/\/$/, '').split('/');
  for (const [index, step] of steps.entries()) {
    if (step === '') yield invalidValue(`${at}.path`, path, `segment[${index}] may not be empty`);
    else
      for (const message of dns1123Subdomain(step))
        yield invalidValue(`${at}.path`, path, `segment[${index}]: ${message}`);
  }
}

/** The bundle must hold at least one certificate. */
export function* caBundleCauses(path: string, caBundle: string): Causes {
  const pem = Buffer.from(caBundle, 'base64').toString('utf8');
  if (!/-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/.test(pem)) {
    yield invalidValue(
      path,
      caBundle,
      'unable to load root certificates: data does not contain any valid RSA or ECDSA certificates',
    );
  }
}
