/** The flags that Node and V8 are given for a process in the background. They trade nothing that a busy process would miss for the memory of an idle one. */

/**
 * node:sqlite still announces itself as experimental. Node's own start snapshot holds much that a server never asks for: 5 MB of each process. A process and its threads collect
 * their garbage when they fall quiet (cluster/idle-memory.ts).
 */
const everyProcess = ['--disable-warning=ExperimentalWarning', '--no-node-snapshot', '--expose-gc'];

/** A small young generation halves the memory of an idle process; the server, which parses and prints more, gets a larger one. */
const youngGeneration = { server: '--max-semi-space-size=8', agent: '--max-semi-space-size=2' } as const;

/**
 * A start runs some functions often enough for V8's optimizing compilers, whose code alone takes 8 MB of a process, and then hardly ever again. So what is to be optimized must
 * have been asked for six times as often as V8 would have it: a process that has work gets there within its first seconds. Names of V8's flags change with its versions, and
 * Node refuses what it does not know: they are for the version that they were measured with.
 */
const lateOptimization: Readonly<Record<string, readonly string[]>> = {
  v24: [
    '--invocation-count-for-maglev=2400',
    '--invocation-count-for-maglev-with-delay=3600',
    '--invocation-count-for-maglev-osr=600',
    '--invocation-count-for-early-optimization=180',
    '--invocation-count-for-turbofan=18000',
    '--invocation-count-for-osr=3000',
  ],
};

/** `nodeVersion` as Node says it: "v24.21.0". */
export const backgroundFlags = (nodeVersion: string, process: 'server' | 'agent'): readonly string[] => [
  ...everyProcess,
  youngGeneration[process],
  ...(lateOptimization[nodeVersion.split('.')[0] ?? ''] ?? []),
];
