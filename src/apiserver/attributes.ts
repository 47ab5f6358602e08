/**
 * What a request asks for, as authorization sees it: verb, resource or path. Derived from the URL by `route.ts`, or from an ApiCall
 * by the direct transport.
 */
import type { User } from './user.ts';

export interface Attributes {
  readonly user: User;
  readonly verb: string;
  /** Absent for a non-resource request. */
  readonly resource?: {
    readonly group: string;
    readonly version: string;
    readonly plural: string;
    readonly namespace: string | undefined;
    readonly name: string | undefined;
    readonly subresource: string | undefined;
  };
  readonly path: string;
}
