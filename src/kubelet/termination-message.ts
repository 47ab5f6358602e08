/**
 * A container's last words: what it wrote to its termination message file, or the end of its log when the policy allows and it failed
 * (https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/).
 */
import type { World } from '#world/world.ts';
import type { Container } from './container-runtime.ts';
import { readLog } from './logs.ts';
import { annotations } from './pod-state.ts';

const bytesMax = 4096;
const logLinesMax = 80;
const logBytesMax = 2048;

export async function terminationMessage(world: World, run: Container): Promise<string | undefined> {
  const file = run.annotations[annotations.terminationFile];
  const stat = file === undefined ? undefined : await world.disk.stat(file);
  if (file !== undefined && stat && stat.sizeBytes > 0) {
    // Only the beginning is read: the container decides how much is there.
    const chunks: Buffer[] = [];
    for await (const chunk of world.disk.readStream(file, { start: 0, end: bytesMax - 1 }))
      chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  }
  if (run.annotations[annotations.terminationMessagePolicy] !== 'FallbackToLogsOnError' || run.exitCode === 0)
    return undefined;
  let text = '';
  for await (const chunk of readLog(world, run.logPath, { tailLines: logLinesMax, follow: false }))
    text += chunk.toString('utf8');
  return text.slice(-logBytesMax) || undefined;
}
