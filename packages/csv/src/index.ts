export type { FormulaPolicy, RecordDelimiter } from './dialect.ts'
export type { CsvErrorCode } from './errors.ts'
export type { CsvColumn, CsvOptions } from './options.ts'
export { csv } from './response.ts'
