/** Rows are arrays or objects; what is certain not to be one is refused by the compiler. */
export type RowsOnly<Row> = unknown extends Row
  ? unknown
  : [Row] extends [object]
    ? unknown
    : CsvRowsMustBeArraysOrObjects
interface CsvRowsMustBeArraysOrObjects {
  readonly __error: 'csv() takes rows: arrays of fields, or objects with a key for each column'
}
