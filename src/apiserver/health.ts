/**
 * /livez, /readyz and /healthz, each with its single checks below it and `?verbose`, as https://kubernetes.io/docs/reference/using-api/health-checks/ describes.
 */
export interface Check {
  readonly name: string;
  /** Undefined when it is well; otherwise what is wrong. */
  readonly check: () => string | undefined;
}

export type Health = (
  path: string,
  query: URLSearchParams,
) => { readonly code: number; readonly text: string } | undefined;

/** The checks by path; `/healthz`, the older name, shows those of `/livez`. */
export function healthOf(checks: { readonly livez: readonly Check[]; readonly readyz: readonly Check[] }): Health {
  const sets: Readonly<Record<string, readonly Check[]>> = { ...checks, healthz: checks.livez };
  return (path, query) => {
    const [, name = '', single] = path.split('/');
    const set = sets[name];
    if (!set) return undefined;
    if (single) {
      const found = set.find((check) => check.name === single);
      if (!found) return { code: 404, text: '404 page not found\n' };
      const wrong = found.check();
      return wrong === undefined ? { code: 200, text: 'ok' } : { code: 500, text: `internal server error: ${wrong}\n` };
    }
    const excluded = new Set(query.getAll('exclude'));
    let failed = false;
    const lines = set.map((check) => {
      if (excluded.has(check.name)) return `[+]${check.name} excluded: ok\n`;
      const wrong = check.check();
      if (wrong !== undefined) failed = true;
      return wrong === undefined ? `[+]${check.name} ok\n` : `[-]${check.name} failed: reason withheld\n`;
    });
    if (failed) return { code: 500, text: `${lines.join('')}${name} check failed\n` };
    return { code: 200, text: query.has('verbose') ? `${lines.join('')}${name} check passed\n` : 'ok' };
  };
}
