/**
 * Rules of containers, init containers and ephemeral containers beyond their declaration, with upstream's paths and wording
 * (pkg/apis/core/validation, validateContainers and its siblings).
 */
import {
  duplicate,
  forbiddenField,
  invalidValue,
  notFoundField,
  notSupported,
  required,
  tooMany,
} from '#meta/causes.ts';
import { dns1123Label, portName, portNumber } from '#meta/names.ts';
import { indexed, localDescendingPath, named, noBacksteps, type Causes } from '../field-checks.ts';
import type { Container, ContainerPort, EphemeralContainer, VolumeDevice, VolumeMount } from './container.ts';
import { environmentCauses, environmentFromCauses } from './environment-validation.ts';
import type { PodSpec } from './pod-spec.ts';
import { noProbeCauses, probeCauses } from './probe-validation.ts';
import { resourceCauses } from './resource-validation.ts';
import { containerSecurityCauses } from './security-validation.ts';
import type { Volumes } from './volume-validation.ts';

/** What the rules of a container need to know of its pod. */
export interface Around {
  readonly spec: PodSpec;
  readonly volumes: Volumes;
  readonly claims: ReadonlySet<string>;
  /** A pod itself, not a template. */
  readonly isPod: boolean;
}

type AnyContainer = Container | EphemeralContainer;

const restartRulesMax = 20;
const exitCodesMax = 255;

function* portCauses(path: string, ports: readonly ContainerPort[] | undefined): Causes {
  const names = new Set<string>();
  for (const [{ name, containerPort, hostPort }, at] of indexed(path, ports)) {
    if (name) {
      const messages = portName(name);
      for (const message of messages) yield invalidValue(`${at}.name`, name, message);
      if (messages.length === 0 && names.has(name)) yield duplicate(`${at}.name`, name);
      names.add(name);
    }
    if (containerPort === 0) yield required(`${at}.containerPort`);
    else if (containerPort !== undefined)
      for (const message of portNumber(containerPort))
        yield invalidValue(`${at}.containerPort`, containerPort, message);
    if (hostPort) for (const message of portNumber(hostPort)) yield invalidValue(`${at}.hostPort`, hostPort, message);
  }
}

function* mountCauses(path: string, container: AnyContainer, volumes: Volumes): Causes {
  const devices = container.volumeDevices ?? [];
  const paths = new Set<string>();
  for (const [mount, at] of indexed(path, container.volumeMounts)) {
    const { name, mountPath, subPath, subPathExpr } = mount;
    if (!name) yield required(`${at}.name`);
    if (!volumes.has(name)) yield notFoundField(`${at}.name`, name);
    if (mountPath && paths.has(mountPath)) yield invalidValue(`${at}.mountPath`, mountPath, 'must be unique');
    paths.add(mountPath);
    if (devices.some((device) => device.name === name))
      yield invalidValue(`${at}.name`, name, 'must not already exist in volumeDevices');
    if (devices.some((device) => device.devicePath === mountPath)) {
      yield invalidValue(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices');
    }
    if (volumes.get(name)?.image !== undefined) {
      if (subPathExpr) yield invalidValue(`${at}.subPathExpr`, subPathExpr, 'not allowed in image volume sources');
    }
    // Upstream reports these at the list, not at the mount.
    if (subPath) yield* localDescendingPath(`${path}.subPath`, subPath);
    if (subPathExpr) {
      if (subPath)
        yield invalidValue(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive');
      yield* localDescendingPath(`${path}.subPathExpr`, subPathExpr);
    }
    if (mount.mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
      yield forbiddenField(
        `${path}.mountPropagation`,
        'Bidirectional mount propagation is available only to privileged containers',
      );
    }
    yield* oneOfKnown(`${path}.mountPropagation`, mount.mountPropagation, ['Bidirectional', 'HostToContainer', 'None']);
    yield* recursiveReadOnly(`${path}.recursiveReadOnly`, mount);
  }
}

function* recursiveReadOnly(
  path: string,
  { recursiveReadOnly: value, readOnly, mountPropagation }: VolumeMount,
): Causes {
  yield* oneOfKnown(path, value, ['Disabled', 'Enabled', 'IfPossible']);
  if (value !== 'IfPossible' && value !== 'Enabled') return;
  if (!readOnly) yield forbiddenField(path, 'may only be specified when readOnly is true');
  if (mountPropagation !== undefined && mountPropagation !== 'None') {
    yield forbiddenField(path, 'may only be specified when mountPropagation is None or not specified');
  }
}

function* deviceCauses(path: string, container: AnyContainer, volumes: Volumes): Causes {
  const mounts = container.volumeMounts ?? [];
  const [names, paths] = [new Set<string>(), new Set<string>()];
  for (const [{ name, devicePath }, at] of indexed<VolumeDevice>(path, container.volumeDevices)) {
    const volume = volumes.get(name);
    if (name && names.has(name)) yield invalidValue(`${at}.name`, name, 'must be unique');
    if (volume !== undefined && volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
      yield invalidValue(
        `${at}.name`,
        name,
        'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
      );
    }
    if (!name) yield required(`${at}.name`);
    if (volume === undefined) yield notFoundField(`${at}.name`, name);
    if (devicePath && paths.has(devicePath)) yield invalidValue(`${at}.devicePath`, devicePath, 'must be unique');
    if (devicePath && [...noBacksteps(at, devicePath)].length > 0)
      yield invalidValue(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')");
    if (mounts.some((mount) => mount.name === name))
      yield invalidValue(`${at}.name`, name, 'must not already exist in volumeMounts');
    if (mounts.some((mount) => mount.mountPath === devicePath)) {
      yield invalidValue(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts');
    }
    names.add(name);
    paths.add(devicePath);
  }
}

function* oneOfKnown(path: string, value: string | undefined, known: readonly string[]): Causes {
  if (value !== undefined && !known.includes(value)) yield notSupported(path, value, known);
}

// Upstream reports names and policies at the list, not at the item.
function* resizeCauses(path: string, policies: Container['resizePolicy'], podRestartPolicy: string): Causes {
  const seen = new Set<string>();
  for (const [{ resourceName, restartPolicy }, at] of indexed(path, policies)) {
    if (seen.has(resourceName)) yield duplicate(at, resourceName);
    seen.add(resourceName);
    if (!resourceName) yield required(path);
    else yield* oneOfKnown(path, resourceName, ['cpu', 'memory']);
    if (!restartPolicy) yield required(path);
    else yield* oneOfKnown(path, restartPolicy, ['NotRequired', 'RestartContainer']);
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      yield invalidValue(path, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
    }
  }
}

/** KEP-5307: a container's own restart policy, and rules on exit codes. */
function* restartCauses(path: string, { restartPolicy, restartPolicyRules: rules }: Container): Causes {
  const at = `${path}.restartPolicyRules`;
  if (rules?.length && restartPolicy === undefined)
    yield required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used');
  if (rules !== undefined && rules.length > restartRulesMax) yield tooMany(at, rules.length, restartRulesMax);
  for (const [{ action, exitCodes }, ruleAt] of indexed(at, rules)) {
    yield* oneOfKnown(`${ruleAt}.action`, action ?? '', ['Restart', 'RestartAllContainers']);
    if (exitCodes === undefined) {
      yield required(`${ruleAt}.exitCodes`, 'must be specified');
      continue;
    }
    yield* oneOfKnown(`${ruleAt}.exitCodes.operator`, exitCodes.operator ?? '', ['In', 'NotIn']);
    if ((exitCodes.values?.length ?? 0) > exitCodesMax)
      yield tooMany(`${ruleAt}.exitCodes.values`, exitCodes.values?.length ?? 0, exitCodesMax);
  }
}

function* common(path: string, container: AnyContainer, around: Around): Causes {
  const { name, image } = container;
  if (name) yield* named(dns1123Label, `${path}.name`, name);
  if (!image) yield required(`${path}.image`);
  else if (around.isPod && image.trim() !== image)
    yield invalidValue(`${path}.image`, image, 'must not have leading or trailing whitespace');
  yield* portCauses(`${path}.ports`, container.ports);
  yield* environmentCauses(`${path}.env`, container.env, around.volumes);
  yield* environmentFromCauses(`${path}.envFrom`, container.envFrom);
  yield* mountCauses(`${path}.volumeMounts`, container, around.volumes);
  yield* deviceCauses(`${path}.volumeDevices`, container, around.volumes);
  yield* resourceCauses(`${path}.resources`, container.resources, { level: 'container', claims: around.claims });
  yield* resizeCauses(`${path}.resizePolicy`, container.resizePolicy, around.spec.restartPolicy);
  yield* containerSecurityCauses(`${path}.securityContext`, container.securityContext, around.spec);
  if (around.spec.os?.name === 'linux' && container.securityContext?.windowsOptions !== undefined) {
    yield forbiddenField(`${path}.securityContext.windowsOptions`, 'windows options cannot be set for a linux pod');
  }
}

/** Host ports that two of these containers claim. */
function* hostPortCauses(path: string, containers: readonly (readonly [AnyContainer, number])[]): Causes {
  const seen = new Set<string>();
  for (const [container, index] of containers) {
    for (const [{ protocol, hostIP = '', hostPort }, at] of indexed(`${path}[${index}].ports`, container.ports)) {
      if (!hostPort) continue;
      const key = `${protocol}/${hostIP}/${hostPort}`;
      if (seen.has(key)) yield duplicate(`${at}.hostPort`, key);
      seen.add(key);
    }
  }
}

export function* containerCauses(path: string, around: Around): Causes {
  const containers = around.spec.containers ?? [];
  const grace = around.spec.terminationGracePeriodSeconds;
  for (const [container, at] of indexed(path, containers)) {
    yield* common(at, container, around);
    yield* probeCauses(at, container, grace);
    yield* restartCauses(at, container);
  }
  yield* hostPortCauses(
    path,
    containers.map((container, index) => [container, index] as const),
  );
}

export function* initContainerCauses(path: string, around: Around): Causes {
  const { spec } = around;
  const others = new Set((spec.containers ?? []).map(({ name }) => name));
  for (const [container, at, index] of indexed(path, spec.initContainers)) {
    yield* common(at, container, around);
    if (container.restartPolicy !== undefined) yield* restartCauses(at, container);
    else if (container.restartPolicyRules?.length)
      yield required(`${at}.restartPolicy`, 'must specify restartPolicy when restart rules are used');
    if (container.name && others.has(container.name)) yield duplicate(`${at}.name`, container.name);
    yield* hostPortCauses(path, [[container, index]]);
    if (container.restartPolicy !== 'Always')
      for (const [{ restartPolicy }, policyAt] of indexed(`${at}.resizePolicy`, container.resizePolicy))
        if (restartPolicy === 'RestartContainer')
          yield invalidValue(
            `${policyAt}.restartPolicy`,
            restartPolicy,
            "must not be set to 'RestartContainer' for non-sidecar initContainers",
          );
    if (container.restartPolicy === 'Always') yield* probeCauses(at, container, spec.terminationGracePeriodSeconds);
    else yield* noProbeCauses(at, container);
  }
}

const notForEphemeral = [
  'ports',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const;

export function* ephemeralContainerCauses(path: string, around: Around): Causes {
  const { spec } = around;
  const detail = 'cannot be set for an Ephemeral Container';
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name));
  for (const [container, at] of indexed(path, spec.ephemeralContainers)) {
    yield* common(at, container, around);
    if (container.name && others.has(container.name)) yield duplicate(`${at}.name`, container.name);
    const target = container.targetContainerName;
    if (target && !others.has(target)) yield notFoundField(`${at}.targetContainerName`, target);
    for (const key of notForEphemeral) if (container[key] !== undefined) yield forbiddenField(`${at}.${key}`, detail);
    const { limits, requests, claims } = container.resources ?? {};
    if (limits !== undefined || requests !== undefined || claims !== undefined)
      yield forbiddenField(`${at}.resources`, detail);
    for (const [mount, mountAt] of indexed(`${at}.volumeMounts`, container.volumeMounts)) {
      if (mount.subPath) yield forbiddenField(`${mountAt}.subPath`, detail);
      if (mount.subPathExpr) yield forbiddenField(`${mountAt}.subPathExpr`, detail);
    }
  }
}
