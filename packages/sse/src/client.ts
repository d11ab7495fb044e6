export { connectEvents } from './client/connect.ts'
export type { ClientEvent, ClientOptions, EventConnection, EventMap } from './client/connect.ts'
