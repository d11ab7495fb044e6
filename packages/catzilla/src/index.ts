export { App, catzilla, HttpError, reply, ServerRequest } from '@catzilla/server'
export type {
  Address,
  Answer,
  AppOptions,
  AppStats,
  BodyOptions,
  CloseInit,
  ErrorHandler,
  Handler,
  HttpErrorOptions,
  ListenInit,
  Logger,
  PathParams,
  ReplyInit,
  RequestHeaders,
  ServerLimits,
  TotalStats,
  TransportName,
} from '@catzilla/server'

export {
  CatzillaError,
  isCatzillaError,
  isStreamingResponse,
  relay,
  StreamingResponse,
  Topic,
} from '@catzilla/streaming'
export type {
  AfterCallback,
  FieldsInit,
  Outcome,
  QueuePolicy,
  RelayOptions,
  RelayUpstream,
  StreamDeadlines,
  StreamEnd,
  StreamItem,
  StreamOptions,
  StreamRequest,
  StreamSource,
  StreamTrace,
  StreamWriter,
  SubscribeOptions,
  TopicOptions,
  TopicStats,
} from '@catzilla/streaming'

export { nodeWritable, openFile } from '@catzilla/streaming/node'
export type { FilePart, OpenFile } from '@catzilla/streaming/node'

export { csv, csvTransformStream, encodeCsv } from '@catzilla/csv'
export type { CsvColumn, CsvComputedColumn, CsvFormatOptions, CsvOptions, CsvProfile } from '@catzilla/csv'

export { jsonl, readJsonl } from '@catzilla/jsonl'
export type { Envelope, Frame, JsonlBody, JsonlOptions, ReadJsonlOptions, StreamSummary } from '@catzilla/jsonl'

export {
  chatWire,
  createChannel,
  createRun,
  memoryBus,
  openRun,
  sse,
  sseSession,
  sseWire,
  uiMessageWire,
} from '@catzilla/sse'
export type {
  Bus,
  Channel,
  ChannelOptions,
  ChannelStats,
  ChannelSubscribeOptions,
  Member,
  Resync,
  SseContext,
  SseEvent,
  SseItem,
  SseOptions,
  SseSession,
  SseSource,
} from '@catzilla/sse'
