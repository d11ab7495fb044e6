export { redisBus } from './bus/redis-bus.ts'
export type { RedisBusOptions } from './bus/redis-bus.ts'
export type { IoredisClient, NodeRedisClient, NodeRedisCluster, RedisClient } from './bus/redis-client.ts'
