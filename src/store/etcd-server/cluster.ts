/** The Cluster and Auth services of a server that is its only member and knows no users: it says so, in etcd's words. */
import { fromBinary } from '@bufbuild/protobuf';
import {
  AuthStatusResponseSchema,
  EmptySchema,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthCheckResponseSchema,
  MemberListRequestSchema,
  MemberListResponseSchema,
  MemberRequestSchema,
} from '../etcd/gen/etcd_pb.ts';
import { grpcCode, GrpcError } from '#world/grpc.ts';
import { headerOf, refusing, unary, type Backend, type Service } from './service.ts';

const authMethods = [
  ...['AuthEnable', 'AuthDisable', 'Authenticate'],
  ...['UserAdd', 'UserGet', 'UserList', 'UserDelete', 'UserChangePassword', 'UserGrantRole', 'UserRevokeRole'],
  ...['RoleAdd', 'RoleGet', 'RoleList', 'RoleDelete', 'RoleGrantPermission', 'RoleRevokePermission'],
] as const;

export function clusterService(backend: Backend): Service {
  const { memberId, name, clientUrls } = backend.identity;
  const isMe = (message: Uint8Array): boolean => fromBinary(MemberRequestSchema, message).ID === memberId;
  return {
    '/etcdserverpb.Cluster/MemberList': unary(MemberListRequestSchema, MemberListResponseSchema, () => ({
      header: headerOf(backend),
      members: [{ ID: memberId, name, clientURLs: [...clientUrls] }],
    })),
    '/etcdserverpb.Cluster/MemberAdd': refusing('memberNotEnoughStarted'),
    '/etcdserverpb.Cluster/MemberRemove': refusing((message) =>
      isMe(message) ? 'memberNotEnoughStarted' : 'memberNotFound',
    ),
    '/etcdserverpb.Cluster/MemberUpdate': refusing((message) => (isMe(message) ? 'notOfOneMember' : 'memberNotFound')),
    '/etcdserverpb.Cluster/MemberPromote': refusing((message) =>
      isMe(message) ? 'memberNotLearner' : 'memberNotFound',
    ),
  };
}

export function authService(backend: Backend): Service {
  return {
    ...Object.fromEntries(
      authMethods.map((name) => [`/etcdserverpb.Auth/${name}`, refusing('authNotEnabled')] as const),
    ),
    '/etcdserverpb.Auth/AuthStatus': unary(EmptySchema, AuthStatusResponseSchema, () => ({
      header: headerOf(backend),
      enabled: false,
      authRevision: 1n,
    })),
  };
}

/** https://github.com/grpc/grpc/blob/master/doc/health-checking.md */
export function healthService(): Service {
  return {
    '/grpc.health.v1.Health/Check': unary(HealthCheckRequestSchema, HealthCheckResponseSchema, ({ service }) => {
      if (service !== '' && !service.startsWith('etcdserverpb.'))
        throw new GrpcError(grpcCode.notFound, 'unknown service');
      return { status: ServingStatus.SERVING };
    }),
  };
}
