/**
 * Lifetimes from functions: the one place that writes Symbol.dispose by hand. Disposing twice runs the function once.
 */

export function disposable(dispose: () => void): Disposable {
  let done = false;
  return {
    [Symbol.dispose]() {
      if (done) return;
      done = true;
      dispose();
    },
  };
}

/** Every call waits for the one run. */
export function asyncDisposable(dispose: () => Promise<void> | void): AsyncDisposable {
  let running: Promise<void> | undefined;
  return {
    [Symbol.asyncDispose]() {
      return (running ??= Promise.resolve().then(dispose));
    },
  };
}
