/** A gate that lets in only so many at once; the others wait in line. */

/** Answers a function that resolves when it is the caller's turn, to a turn that ends when it is disposed. */
export function gate(max: number): () => Promise<Disposable> {
  let inside = 0;
  const line: (() => void)[] = [];
  return async () => {
    if (inside < max) inside++;
    else await new Promise<void>((resolve) => line.push(resolve));
    return {
      // The turn passes to the next in line, or the place is free.
      [Symbol.dispose]() {
        const next = line.shift();
        if (next) next();
        else inside--;
      },
    };
  };
}
