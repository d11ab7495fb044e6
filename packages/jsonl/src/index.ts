export type { JsonlErrorCode } from './errors.ts'
export type { JsonlOptions, UndefinedRows } from './options.ts'
export { jsonl } from './response.ts'
