/**
 * Every namespace has a ServiceAccount `default` and a ConfigMap `kube-root-ca.crt` with the cluster's CA, so that its pods can call the API
 * (https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/).
 */
import { ConfigMap } from '#api/core/configmap.ts';
import { Namespace } from '#api/core/namespace.ts';
import { ServiceAccount } from '#api/core/serviceaccount.ts';
import { create, update } from '#runtime/action.ts';
import { controller, type Controller } from '#runtime/controller.ts';

const accountName = 'default';
const bundleName = 'kube-root-ca.crt';
const bundleNote = {
  'kubernetes.io/description':
    'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.',
};

export const serviceAccounts = controller({
  name: 'service-account-controller',
  for: Namespace,
  watches: [
    {
      kind: ServiceAccount,
      wakes: function* ({ old, now }) {
        if (old && !now && old.metadata.name === accountName) yield old.metadata.namespace ?? '';
      },
    },
  ],
  *reconcile(namespace: Namespace, { of }) {
    const { name, deletionTimestamp } = namespace.metadata;
    if (deletionTimestamp !== undefined || of(ServiceAccount).get(`${name}/${accountName}`)) return;
    yield create(ServiceAccount, { metadata: { name: accountName, namespace: name } }, { unlessExists: true });
  },
});

/** `ca` is the PEM bundle that pods verify the API server with. */
export const rootCaPublisher = (ca: string): Controller<typeof Namespace> =>
  controller({
    name: 'root-ca-cert-publisher',
    for: Namespace,
    watches: [
      {
        kind: ConfigMap,
        wakes: function* ({ old, now }) {
          const object = now ?? old;
          if (object?.metadata.name === bundleName) yield object.metadata.namespace ?? '';
        },
      },
    ],
    *reconcile(namespace: Namespace, { of }) {
      const { name, deletionTimestamp } = namespace.metadata;
      if (deletionTimestamp !== undefined) return;
      const present = of(ConfigMap).get(`${name}/${bundleName}`);
      const data = { 'ca.crt': ca };
      if (!present) {
        yield create(
          ConfigMap,
          { metadata: { name: bundleName, namespace: name, annotations: bundleNote }, data },
          { unlessExists: true },
        );
      } else if (present.data?.['ca.crt'] !== ca) yield update(ConfigMap, { ...present, data });
    },
  });
