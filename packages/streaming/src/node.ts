export { NodeExchange, send } from './adapters/node.ts'
export { NodeSink } from './adapters/node-sink.ts'
export type { NodeRequestLike, NodeResponseLike } from './adapters/node-sink.ts'
