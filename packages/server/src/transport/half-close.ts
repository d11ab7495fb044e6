/**
 * A client that has closed its side may still be reading: curl after `--data-binary @- < file`, or `nc`. But that is also all
 * one sees of most clients that are gone. So one which gets nothing for this many milliseconds is taken for gone.
 */
export const HALF_CLOSED_MS = 750
