/**
 * The launcher on machines that it has not seen: Debian, Fedora and Alpine as their package managers' names, a machine that has all it needs, and one of an unknown kind.
 * The programs are stand-ins in a PATH of the test's own; which packages exist there is the distributions' own knowledge.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

interface Machine {
  /** Programs that it has, beyond a shell. */
  readonly programs: readonly string[];
  readonly args?: readonly string[];
  readonly user?: number;
  readonly system?: string;
  /** The exit code of its package manager. */
  readonly installs?: number;
}

/** Starts the launcher there; answers its exit code and all lines that it and the stand-ins print. */
function launch({ programs, args = ['up'], user = 0, system = 'Linux', installs = 0 }: Machine): {
  code: number;
  said: string;
} {
  const root = mkdtempSync(join(tmpdir(), 'k8ts-launcher-'));
  try {
    const bin = join(root, 'bin');
    const program = (path: string, script: string): void => {
      writeFileSync(path, `#!/bin/sh\n${script}\n`);
      chmodSync(path, 0o755);
    };
    mkdirSync(bin);
    for (const name of ['sh', 'dirname', 'readlink', 'mkdir'])
      symlinkSync(spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim(), join(bin, name));
    program(join(bin, 'id'), `echo ${user}`);
    program(join(bin, 'uname'), `echo ${system}`);
    // Answers the version question with yes, and shows what the launcher hands over.
    program(join(bin, 'node'), '[ "$1" = -e ] && exit 0\nshift 2; echo "runs: $*"');
    for (const name of programs) program(join(bin, name), `echo "${name} $*"; exit ${installs}`);
    copyFileSync(join(import.meta.dirname, '../../k8ts'), join(root, 'k8ts'));
    chmodSync(join(root, 'k8ts'), 0o755);
    mkdirSync(join(root, 'node_modules'));
    writeFileSync(join(root, 'node_modules/.package-lock.json'), '{}');
    const { status, stdout, stderr } = spawnSync(join(root, 'k8ts'), args, { env: { PATH: bin }, encoding: 'utf8' });
    return { code: status ?? -1, said: `${stderr}${stdout}` };
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('Debian: what is missing is named, the command is shown and run, and the cluster starts', () => {
  const { code, said } = launch({ programs: ['apt-get'] });
  assert.equal(code, 0, said);
  assert.match(said, /missing programs: runtime nft ip conntrack\. Running: apt-get update && apt-get install/);
  assert.match(
    said,
    /^apt-get update\napt-get install -y --no-install-recommends crun runc nftables iproute2 conntrack$/m,
  );
  assert.match(said, /^runs: up$/m);
});

test("several control planes need etcd besides, under each distribution's name", () => {
  const args = ['up', '--nodes', '3', '--control-planes=3'];
  assert.match(launch({ programs: ['apt-get'], args }).said, /^apt-get install .* etcd-server$/m);
  assert.match(launch({ programs: ['dnf'], args }).said, /^dnf install .* etcd$/m);
  const has = ['apt-get', 'crun', 'nft', 'ip', 'conntrack', 'etcd'];
  assert.match(launch({ programs: has, args }).said, /^runs: up --nodes 3 --control-planes=3$/m);
});

test('Fedora and Alpine have names of their own', () => {
  assert.match(launch({ programs: ['dnf'] }).said, /^dnf install -y crun nftables iproute conntrack-tools\nruns: up$/m);
  assert.match(
    launch({ programs: ['apk'] }).said,
    /^apk add --update-cache crun runc nftables iproute2 conntrack-tools\nruns: up$/m,
  );
});

test('an install that fails ends it, and says so', () => {
  const { code, said } = launch({ programs: ['dnf'], installs: 3 });
  assert.equal(code, 1);
  assert.match(said, /^dnf install .*\nk8ts: that failed with exit code 3\. /m);
  assert.doesNotMatch(said, /^runs/m);
});

test("Debian with another system's package manager beside its own uses its own names", () => {
  assert.match(
    launch({ programs: ['apt-get', 'dnf', 'apk'] }).said,
    /^apt-get install -y --no-install-recommends crun runc nftables iproute2 conntrack$/m,
  );
});

test('only what is missing is installed, and nothing where all is there', () => {
  const { said } = launch({ programs: ['apt-get', 'runc', 'nft', 'conntrack'] });
  assert.match(said, /^apt-get install -y --no-install-recommends iproute2$/m);
  const complete = launch({ programs: ['apt-get', 'crun', 'nft', 'ip', 'conntrack'] });
  assert.equal(complete.said, 'runs: up\n');
});

test('with --no-install the command is only printed, and nothing starts', () => {
  const { code, said } = launch({ programs: ['apt-get', 'crun'], args: ['up', '--no-install'] });
  assert.equal(code, 1);
  assert.match(said, /missing programs: nft ip conntrack\. Install them with: apt-get update && apt-get install/);
  assert.doesNotMatch(said, /^(runs|apt-get )/m);
});

test('a machine without a known package manager is told what it needs', () => {
  const { code, said } = launch({ programs: ['pacman'] });
  assert.equal(code, 1);
  assert.match(said, /Install a container runtime \(crun or runc\), nftables, iproute2 and conntrack/);
});

test('without root, on another system, and for other commands nothing is asked for', () => {
  assert.equal(launch({ programs: ['apt-get'], user: 1000 }).said, 'runs: up\n');
  assert.equal(launch({ programs: [], system: 'Darwin' }).said, 'runs: up\n');
  assert.equal(launch({ programs: ['apt-get'], args: ['status'] }).said, 'runs: status\n');
});
