/**
 * Where everything of one cluster lies below its data directory. The one place that knows these paths.
 */
import { join } from 'node:path';

export interface Layout {
  readonly root: string;
  readonly configuration: string;
  readonly kubeconfig: string;
  readonly pki: string;
  readonly database: string;
  /** The keys with which values are encrypted; those that were replaced; a replacement that is going on; where the server is asked for one. */
  readonly encryption: string;
  readonly encryptionRetired: string;
  readonly encryptionRotation: string;
  readonly encryptionSocket: string;
  /** Backups of the database, and what is said about them. */
  readonly backups: string;
  readonly backupSettings: string;
  /** Where the server is asked for one. */
  readonly backupSocket: string;
  /** Where the store is served to etcd's clients. */
  readonly etcdSocket: string;
  /** Who may: an authority of its own, because whoever it trusts can read and write everything. */
  readonly etcdPki: string;
  /** The API server's unix socket, through which every node reaches it. */
  readonly apiSocket: string;
  readonly serverLog: string;
  readonly serverState: string;
  readonly images: string;
  /** Of a cluster with several control planes: what listens on the host for all of them. */
  readonly frontLog: string;
  readonly frontState: string;
  controlPlane(name: string): ControlPlaneLayout;
  node(name: string): NodeLayout;
}

export interface ControlPlaneLayout {
  readonly etcdData: string;
  readonly etcdLog: string;
  readonly etcdState: string;
  readonly serverLog: string;
  readonly serverState: string;
  readonly encryptionSocket: string;
}

export interface NodeLayout {
  readonly root: string;
  readonly log: string;
  readonly state: string;
  /** Where the node's own components find the API of several control planes. */
  readonly apiSocket: string;
  /** Pods' volumes, container logs, runtime state. */
  readonly pods: string;
  readonly podLogs: string;
  readonly runtime: string;
}

export function layoutOf(root: string): Layout {
  return {
    root,
    configuration: join(root, 'cluster.json'),
    kubeconfig: join(root, 'kubeconfig'),
    pki: join(root, 'pki'),
    database: join(root, 'store', 'state.db'),
    encryption: join(root, 'encryption.yaml'),
    encryptionRetired: join(root, 'encryption-retired.yaml'),
    encryptionRotation: join(root, 'encryption-rotation.json'),
    encryptionSocket: join(root, 'store', 'encryption.sock'),
    backups: join(root, 'backups'),
    backupSettings: join(root, 'backup.json'),
    backupSocket: join(root, 'store', 'backup.sock'),
    etcdSocket: join(root, 'store', 'etcd.sock'),
    etcdPki: join(root, 'pki', 'etcd'),
    apiSocket: join(root, 'run', 'api.sock'),
    serverLog: join(root, 'log', 'server.log'),
    serverState: join(root, 'run', 'server.json'),
    images: join(root, 'images'),
    frontLog: join(root, 'log', 'front.log'),
    frontState: join(root, 'run', 'front.json'),
    controlPlane: (name) => ({
      etcdData: join(root, 'control-planes', name, 'etcd'),
      etcdLog: join(root, 'log', `${name}-etcd.log`),
      etcdState: join(root, 'run', `${name}-etcd.json`),
      serverLog: join(root, 'log', `${name}.log`),
      serverState: join(root, 'run', `${name}.json`),
      encryptionSocket: join(root, 'control-planes', name, 'encryption.sock'),
    }),
    node: (name) => ({
      root: join(root, 'nodes', name),
      log: join(root, 'log', `${name}.log`),
      state: join(root, 'run', `${name}.json`),
      apiSocket: join(root, 'nodes', name, 'api.sock'),
      pods: join(root, 'nodes', name, 'pods'),
      podLogs: join(root, 'nodes', name, 'log'),
      runtime: join(root, 'nodes', name, 'runtime'),
    }),
  };
}
