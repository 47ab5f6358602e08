/** For tests: an expression compiled with the variables of admission, its type or all that is wrong in one line. */
import { compileProgram } from './compile.ts';
import { declaredList, declaredMap, declaredObject, objectsOf, scalar } from './declared-type.ts';
import { extended } from './environment.ts';
import { kubernetesEnvironment, type ExpressionAge } from './kubernetes.ts';
import { boolType, dynType, objectType, printType, stringType, timestampType } from './types.ts';

const text = scalar(stringType);

const request = declaredObject('kubernetes.AdmissionRequest', {
  kind: declaredObject('kubernetes.GroupVersionKind', { group: text, version: text, kind: text }),
  name: text,
  namespace: text,
  operation: text,
  userInfo: declaredObject('kubernetes.UserInfo', {
    groups: declaredList(text),
    extra: declaredMap(declaredList(text)),
  }),
  dryRun: scalar(boolType),
  options: scalar(dynType),
});

const namespaceObject = declaredObject('kubernetes.Namespace', {
  metadata: declaredObject('kubernetes.NamespaceMetadata', {
    name: text,
    labels: declaredMap(text),
    UID: text,
    creationTimestamp: scalar(timestampType),
  }),
  spec: declaredObject('kubernetes.NamespaceSpec', { finalizers: declaredList(text) }),
  status: declaredObject('kubernetes.NamespaceStatus', {
    conditions: declaredList(
      declaredObject('kubernetes.NamespaceCondition', { type: text, lastTransitionTime: scalar(timestampType) }),
    ),
  }),
});

export function compiled(source: string, age: ExpressionAge = 'new'): string {
  const environment = extended(kubernetesEnvironment(age), {
    variables: {
      object: dynType,
      params: dynType,
      request: request.type,
      namespaceObject: namespaceObject.type,
      authorizer: objectType('kubernetes.authorization.Authorizer'),
      'authorizer.requestResource': objectType('kubernetes.authorization.ResourceCheck'),
    },
    objects: [objectsOf([request, namespaceObject])],
  });
  const result = compileProgram(source, environment, () => undefined);
  if ('checked' in result) return printType(result.checked.type);
  const places = result.fault.matchAll(/ERROR: <input>:(-?\d+:\d+: .*)/g);
  return result.fault.startsWith('compilation failed: ')
    ? [...places].map(([, place]) => place).join(' | ')
    : result.fault;
}
