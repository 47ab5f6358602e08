/**
 * Defaults of a pod that look at other fields: pull policies from image names, requests from limits, an emptyDir for a volume without a
 * source. Declared defaults have run before. Every function answers its argument itself when there is nothing to fill in, so that a
 * complete object is not copied.
 */
import type { DraftOf } from '#schema/type.ts';
import type { container, ephemeralContainer } from './container.ts';
import type { podSpec } from './pod-spec.ts';
import type { podTemplateSpec } from './pod-template.ts';
import type { volume } from './volume.ts';

type SpecDraft = DraftOf<typeof podSpec>;
type ContainerDraft = DraftOf<typeof container>;
type VolumeDraft = DraftOf<typeof volume>;
export type TemplateDraft = DraftOf<typeof podTemplateSpec>;

/** The list with `change` applied; the same list when no item changed. */
function mapped<T>(list: readonly T[] | undefined, change: (item: T) => T): readonly T[] | undefined {
  if (list === undefined) return list;
  let out: T[] | undefined;
  for (const [index, item] of list.entries()) {
    const changed = change(item);
    if (changed === item) continue;
    out ??= [...list];
    out[index] = changed;
  }
  return out ?? list;
}

/** Always for the tag `latest` and for an image without tag and digest, else IfNotPresent. */
export function defaultPullPolicy(image: string | undefined): 'Always' | 'IfNotPresent' {
  const parts = image && image.length <= imageCharactersMax ? imageName.exec(image)?.groups : undefined;
  if (parts === undefined) return 'IfNotPresent';
  const { tag, digest } = parts;
  if (!fits(image ?? '')) return 'IfNotPresent';
  return tag === 'latest' || (tag === undefined && digest === undefined) ? 'Always' : 'IfNotPresent';
}

const nameCharactersMax = 255;

/** A name without a host is one of docker.io, and without a slash one of its library: that counts too. */
function fits(image: string): boolean {
  const name = image.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  const [first = '', ...rest] = name.split('/');
  const hasHost = rest.length > 0 && /[.:A-Z]|^localhost$/.test(first);
  const path = hasHost ? rest.join('/') : rest.length > 0 ? name : `library/${name}`;
  return path.length <= nameCharactersMax;
}

/** A name of 255, a tag of 128, a digest. The pattern takes the square of the length for what is none, so nothing longer is shown to it. */
const imageCharactersMax = 600;

/** A reference as registries know it: a host or none, lower-case components, tag, digest. What is none has no tag either. */
const imageName =
  /^(?!(?:[0-9a-f]{64})$)(?:(?:localhost|[A-Za-z0-9-]*[A-Z][A-Za-z0-9-]*|[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+|\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+(?=:\d+\/))(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?$/;

function withPullPolicy<C extends { readonly image?: string; readonly imagePullPolicy?: unknown }>(draft: C): C {
  return draft.imagePullPolicy === undefined ? { ...draft, imagePullPolicy: defaultPullPolicy(draft.image) } : draft;
}

/** A container's limits are its requests where it has none of its own. */
function withRequests<
  R extends {
    readonly limits?: Readonly<Record<string, string>>;
    readonly requests?: Readonly<Record<string, string>>;
  },
>(resources: R, counts: (name: string) => boolean = () => true): R {
  const missing = Object.entries(resources.limits ?? {}).filter(
    ([name]) => counts(name) && resources.requests?.[name] === undefined,
  );
  return missing.length === 0
    ? resources
    : { ...resources, requests: { ...resources.requests, ...Object.fromEntries(missing) } };
}

function fillResources(draft: ContainerDraft): ContainerDraft {
  if (draft.resources === undefined) return draft;
  const resources = withRequests(draft.resources);
  return resources === draft.resources ? draft : { ...draft, resources };
}

function fillHostPorts(draft: ContainerDraft): ContainerDraft {
  const ports = mapped(draft.ports, (port) => (port.hostPort ? port : { ...port, hostPort: port.containerPort }));
  return ports === draft.ports || ports === undefined ? draft : { ...draft, ports };
}

function fillVolume(draft: VolumeDraft): VolumeDraft {
  if (draft.image !== undefined && draft.image.pullPolicy === undefined) {
    return { ...draft, image: { ...draft.image, pullPolicy: defaultPullPolicy(draft.image.reference) } };
  }
  for (const [key, source] of Object.entries(draft)) if (key !== 'name' && source !== undefined) return draft;
  return { ...draft, emptyDir: {} };
}

/** What pods and templates have in common. */
function fillSpec(draft: SpecDraft): SpecDraft {
  const containers = mapped(draft.containers, withPullPolicy);
  const initContainers = mapped(draft.initContainers, withPullPolicy);
  const ephemeralContainers = mapped<DraftOf<typeof ephemeralContainer>>(draft.ephemeralContainers, withPullPolicy);
  const volumes = mapped(draft.volumes, fillVolume);
  const account = draft.serviceAccountName || draft.serviceAccount;
  const changed: Partial<Record<keyof SpecDraft, unknown>> = {
    ...(containers === draft.containers ? {} : { containers }),
    ...(initContainers === draft.initContainers ? {} : { initContainers }),
    ...(ephemeralContainers === draft.ephemeralContainers ? {} : { ephemeralContainers }),
    ...(volumes === draft.volumes ? {} : { volumes }),
    // The old name mirrors the new one; on input it stands in for it.
    ...(account && draft.serviceAccountName !== account ? { serviceAccountName: account } : {}),
    ...(account && draft.serviceAccount !== account ? { serviceAccount: account } : {}),
  };
  return Object.keys(changed).length === 0 ? draft : { ...draft, ...(changed as Partial<SpecDraft>) };
}

/** Defaults of a pod template. */
function fillTemplate(draft: TemplateDraft): TemplateDraft {
  if (draft.spec === undefined) return draft;
  const spec = fillSpec(draft.spec);
  return spec === draft.spec ? draft : { ...draft, spec };
}

/** Defaults of a workload's `spec.template`. */
export function fillTemplateOf<S extends { readonly template?: TemplateDraft }>(spec: S): S {
  if (spec.template === undefined) return spec;
  const template = fillTemplate(spec.template);
  return template === spec.template ? spec : { ...spec, template };
}

/** Defaults of a pod itself: those of a template, and some that upstream does not give to templates. */
export function fillPod<P extends { readonly spec?: SpecDraft }>(pod: P): P {
  if (pod.spec === undefined) return pod;
  let spec = fillSpec(pod.spec);
  const own = (draft: ContainerDraft): ContainerDraft => fillResources(spec.hostNetwork ? fillHostPorts(draft) : draft);
  const containers = mapped(spec.containers, own);
  if (containers !== undefined && containers !== spec.containers) spec = { ...spec, containers };
  const initContainers = mapped(spec.initContainers, own);
  if (initContainers !== undefined && initContainers !== spec.initContainers) spec = { ...spec, initContainers };
  if (spec.resources !== undefined) {
    // Only what a pod as a whole may have.
    const resources = withRequests(spec.resources, (name) => /^(?:cpu|memory|hugepages-.*)$/.test(name));
    if (resources !== spec.resources) spec = { ...spec, resources };
  }
  if (spec.enableServiceLinks === undefined) spec = { ...spec, enableServiceLinks: true };
  // Upstream's conversion does the same: a grace period below zero means at once, in the smallest unit there is.
  if (spec.terminationGracePeriodSeconds !== undefined && spec.terminationGracePeriodSeconds < 0) {
    spec = { ...spec, terminationGracePeriodSeconds: 1 };
  }
  return spec === pod.spec ? pod : { ...pod, spec };
}
