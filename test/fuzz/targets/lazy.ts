/** Something that is started when a target first needs it, and never for those that do not. */
export function lazy<T>(
  start: () => Promise<T>,
): (() => Promise<T>) & { readonly started: () => Promise<T> | undefined } {
  let running: Promise<T> | undefined;
  return Object.assign(() => (running ??= start()), { started: () => running });
}
