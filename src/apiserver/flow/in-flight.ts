/**
 * How many requests may be in the works at once: upstream's --max-requests-inflight and --max-mutating-requests-inflight. Beyond it a client is told to come
 * back (429), before its body is read. Streams (watch, log, exec) hold no seat; neither do the cluster's own masters, who must be
 * able to repair an overloaded server.
 */
import { ApiError } from '#meta/status.ts';
import type { Route } from '../route.ts';
import type { User } from '../user.ts';

export interface Flow {
  /** Takes a seat until disposed; throws TooManyRequests when none is free. */
  enter(way: Pick<Route, 'verb' | 'resource'>, user: User): Disposable;
}

/** Upstream's defaults. */
export const readingMax = 400;
export const writingMax = 200;
/** One user may hold this part of all seats, so that a runaway client leaves room for the others. */
const shareOfOne = 0.75;

const writes = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);
/** Upstream's --long-running subresources: what runs for hours must not hold a seat. */
const streams = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);
const unlimited: Disposable = { [Symbol.dispose]() {} };

class Seats {
  readonly #max: number;
  readonly #byUser = new Map<string, number>();
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  take(user: string): Disposable {
    const own = this.#byUser.get(user) ?? 0;
    if (this.#taken >= this.#max || own >= this.#max * shareOfOne) {
      throw new ApiError(
        'TooManyRequests',
        'the server has received too many requests and has asked us to try again later',
        {
          details: { retryAfterSeconds: 1 },
        },
      );
    }
    this.#taken++;
    this.#byUser.set(user, own + 1);
    return {
      [Symbol.dispose]: () => {
        this.#taken--;
        const left = (this.#byUser.get(user) ?? 1) - 1;
        if (left === 0) this.#byUser.delete(user);
        else this.#byUser.set(user, left);
      },
    };
  }
}

export function inFlightLimits(
  limits: { readonly reading: number; readonly writing: number } = { reading: readingMax, writing: writingMax },
): Flow {
  const reading = new Seats(limits.reading);
  const writing = new Seats(limits.writing);
  return {
    enter({ verb, resource }, user) {
      // Paths without a resource are health, discovery and metrics: cheap, and wanted most when it is crowded.
      if (
        !resource ||
        verb === 'watch' ||
        streams.has(resource.subresource ?? '') ||
        user.groups.includes('system:masters')
      )
        return unlimited;
      return (writes.has(verb) ? writing : reading).take(user.name);
    },
  };
}
