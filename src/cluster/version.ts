/** Which Kubernetes this is. One home for the number. */
import type { VersionInfo } from '#apiserver/server.ts';

export const kubernetesVersion = 'v1.37.0';
export const productVersion = '0.1.0';

/** What /version answers on this machine. */
export const versionInfo = (platform: string, arch: string): VersionInfo => ({
  major: '1',
  minor: '37',
  gitVersion: `${kubernetesVersion}+k8ts.${productVersion}`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2026-11-21T00:00:00Z',
  goVersion: 'go0.0',
  compiler: 'node',
  platform: `${platform}/${arch === 'x64' ? 'amd64' : arch}`,
});
