/** Rules of the Windows options of pods and containers. Wording is upstream's. */
import { invalidValue } from '#meta/causes.ts';
import { dns1123Subdomain } from '#meta/names.ts';
import { named, type Causes } from '../field-checks.ts';
import type { Container } from './container.ts';
import type { PodSpec } from './pod-spec.ts';
import type { WindowsSecurityContextOptions } from './security-context.ts';

const credentialSpecKiB = 64;
/** A DNS name has 255 characters at most, and one is for the backslash. */
const domainMax = 256;
const userMax = 104;

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const control = /[\u0000-\u001f\u007f]+/;
const netBiosName = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dnsName = /^[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?(?:\.[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?)*$/;

function userFaults(name: string): readonly string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  if (control.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const user = parts.at(-1) ?? '';
  const domain = parts.length === 2 ? (parts[0] ?? '') : undefined;
  return [
    ...((domain?.length ?? 0) >= domainMax
      ? [`runAsUserName's Domain length must be under ${domainMax} characters`]
      : []),
    ...(domain !== undefined && !netBiosName.test(domain) && !dnsName.test(domain)
      ? ["runAsUserName's Domain doesn't match the NetBios nor the DNS format"]
      : []),
    ...(user === '' ? ["runAsUserName's User cannot be empty"] : []),
    ...(user.length > userMax ? [`runAsUserName's User length must not be longer than ${userMax} characters`] : []),
    ...(/^[. ]+$/.test(user) ? ["runAsUserName's User cannot contain only periods or spaces"] : []),
    ...(/["/\\:;|=,+*?<>@[\]]/.test(user)
      ? [`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`]
      : []),
  ];
}

export function* windowsOptionCauses(path: string, options: WindowsSecurityContextOptions | undefined): Causes {
  if (options === undefined) return;
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options;
  yield* named(dns1123Subdomain, `${path}.gmsaCredentialSpecName`, gmsaCredentialSpecName);
  const at = `${path}.gmsaCredentialSpec`;
  if (gmsaCredentialSpec === '')
    yield invalidValue(at, gmsaCredentialSpec, 'gmsaCredentialSpec cannot be an empty string');
  else if (gmsaCredentialSpec !== undefined && Buffer.byteLength(gmsaCredentialSpec) > credentialSpecKiB * 1024)
    yield invalidValue(at, gmsaCredentialSpec, `gmsaCredentialSpec size must be under ${credentialSpecKiB} KiB`);
  if (runAsUserName !== undefined)
    for (const fault of userFaults(runAsUserName)) yield invalidValue(`${path}.runAsUserName`, runAsUserName, fault);
}

/** Containers that are processes of the host: all of them or none, and in the host's network. */
export function* hostProcessCauses(path: string, spec: PodSpec): Causes {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  let [all, ofHost] = [0, 0];
  for (const key of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of ((spec[key] ?? []) as readonly Container[]).entries()) {
      const own = container.securityContext?.windowsOptions?.hostProcess;
      if (ofPod !== undefined && own !== undefined && ofPod !== own)
        yield invalidValue(
          `${path}.${key}[${index}].securityContext.windowsOptions.hostProcess`,
          own,
          `pod hostProcess value must be identical if both are specified, was ${ofPod}`,
        );
      all++;
      if (own ?? ofPod) ofHost++;
    }
  }
  if (ofHost === 0) return;
  if (ofHost !== all)
    yield invalidValue(
      path,
      '',
      'If pod contains any hostProcess containers then all containers must be HostProcess containers',
    );
  if (!spec.hostNetwork)
    yield invalidValue(
      `${path}.hostNetwork`,
      false,
      'hostNetwork must be true if pod contains any hostProcess containers',
    );
}
