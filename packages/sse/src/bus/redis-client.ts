/** A client of `ioredis`: `new Redis()` or `new Cluster()`. */
export interface IoredisClient {
  call(command: string, args: (string | number | Buffer)[]): Promise<unknown>
  duplicate(): IoredisClient
  subscribe(...channels: string[]): Promise<unknown>
  unsubscribe(...channels: string[]): Promise<unknown>
  on(event: string, listener: (...args: unknown[]) => void): unknown
  disconnect(): void
}

/** A connected client of `redis`: `createClient()`. */
export interface NodeRedisClient {
  sendCommand(args: string[]): Promise<unknown>
  duplicate(): NodeRedisClient
  connect(): Promise<unknown>
  subscribe(channel: string, listener: (message: string, channel: string) => void): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  on(event: string, listener: (...args: unknown[]) => void): unknown
  destroy(): void
}

/** A connected cluster of `redis`: `createCluster()`. */
export interface NodeRedisCluster extends Omit<NodeRedisClient, 'sendCommand' | 'duplicate'> {
  sendCommand(firstKey: string, isReadonly: boolean, args: string[]): Promise<unknown>
  duplicate(): NodeRedisCluster
  readonly slots: unknown
}

export type RedisClient = IoredisClient | NodeRedisClient | NodeRedisCluster

/** What a bus asks of Redis, whichever client it is. @internal */
export interface RedisCommands {
  /** `key` says which node of a cluster it is for. */
  command(key: string, args: string[]): Promise<unknown>
}

/** A connection that hears doorbells. @internal */
export interface RedisListener {
  listen(channel: string): Promise<unknown>
  leave(channel: string): Promise<unknown>
  close(): void
}

/** What becomes of a listening connection. @internal */
export interface ListenerEvents {
  rang(channel: string): void
  /** The connection is there (again): what rang meanwhile was not heard. */
  connected(): void
  failed(error: unknown): void
}

/** @internal */
export function commandsOf(client: RedisClient): RedisCommands {
  if ('call' in client) return { command: (_key, [name, ...args]) => client.call(name!, args) }
  if ('slots' in client) return { command: (key, args) => client.sendCommand(key, false, args) }
  return { command: (_key, args) => client.sendCommand(args) }
}

/**
 * Opens a connection of its own, as one that listens can do nothing else.
 *
 * @internal
 */
export function openListener(client: RedisClient, events: ListenerEvents): RedisListener {
  if ('call' in client) return listenByIoredis(client.duplicate(), events)
  return listenByNodeRedis(client.duplicate(), events)
}

function listenByIoredis(connection: IoredisClient, events: ListenerEvents): RedisListener {
  connection.on('message', (channel) => events.rang(channel as string))
  connection.on('ready', () => events.connected())
  connection.on('error', (error) => events.failed(error))
  return {
    listen: (channel) => connection.subscribe(channel),
    leave: (channel) => connection.unsubscribe(channel),
    close: () => connection.disconnect(),
  }
}

function listenByNodeRedis(connection: NodeRedisClient | NodeRedisCluster, events: ListenerEvents): RedisListener {
  connection.on('ready', () => events.connected())
  connection.on('error', (error) => events.failed(error))
  const opened = connection.connect()
  opened.catch((error: unknown) => events.failed(error))
  const rang = (_message: string, channel: string) => events.rang(channel)
  return {
    listen: async (channel) => {
      await opened
      await connection.unsubscribe(channel) // A second listener on the same channel would be a second ring.
      await connection.subscribe(channel, rang)
    },
    leave: async (channel) => {
      await opened
      await connection.unsubscribe(channel)
    },
    close: () => connection.destroy(),
  }
}
