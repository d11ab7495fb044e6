/** For those who write a format helper of their own: what sse(), csv() and jsonl() are made with. */
export { errorFactory, show } from './errors.ts'
export type { ErrorKind } from './errors.ts'
export { replaceFields } from './head.ts'
export { defined, rejectUnknown } from './option-checks.ts'
export type { ItemEncoder } from './options.ts'
export { rememberLast } from './remember-last.ts'
