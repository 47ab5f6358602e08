/**
 * The admission chain: plugins that may change an object before it is validated, and plugins that may refuse the request after. The order of
 * `plugins` is the order of execution, as in https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/.
 */
import type { AnyObject } from '#meta/object-meta.ts';
import type { Cause } from '#meta/status.ts';
import type { AnyKind, DeleteOptions } from '#client/client.ts';
import type { User } from '../user.ts';

export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly kind: AnyKind;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** Absent for DELETE. */
  readonly object: AnyObject | undefined;
  /** Absent for CREATE. */
  readonly old: AnyObject | undefined;
  readonly user: User;
  readonly dryRun: boolean;
  readonly options?: DeleteOptions;
  /** Tells the client something; absent for a delete. */
  readonly warn?: (warning: string) => void;
}

export interface AdmissionPlugin {
  readonly name: string;
  /** Answers the object to go on with. */
  readonly mutate?: (request: AdmissionRequest & { readonly object: AnyObject }) => AnyObject;
  /** What is wrong in view of other objects, of a create or update: told together with what validation finds. */
  readonly causes?: (request: AdmissionRequest) => readonly Cause[];
  /** Throws ApiError to refuse. */
  readonly validate?: (request: AdmissionRequest) => void;
}

export interface Admission {
  mutate(request: AdmissionRequest & { readonly object: AnyObject }): AnyObject;
  causes(request: AdmissionRequest): readonly Cause[];
  validate(request: AdmissionRequest): void;
}

export function admissionOf(plugins: readonly AdmissionPlugin[]): Admission {
  return {
    mutate(request) {
      let { object } = request;
      for (const plugin of plugins) if (plugin.mutate) object = plugin.mutate({ ...request, object });
      return object;
    },
    causes: (request) => plugins.flatMap((plugin) => plugin.causes?.(request) ?? []),
    validate(request) {
      for (const plugin of plugins) plugin.validate?.(request);
    },
  };
}
