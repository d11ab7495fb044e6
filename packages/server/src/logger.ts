import { format } from 'node:util'

/** Where the server reports what nobody else would see. `console` fits, and so do most logging libraries. */
export interface Logger {
  /** What is part of the day, such as a client that left before its stream was through. */
  info(message: string, ...details: unknown[]): void
  /** What works, but not as it should. */
  warn(message: string, ...details: unknown[]): void
  /** A fault of the application. */
  error(message: string, ...details: unknown[]): void
}

/** Warnings and errors to standard error; a client that leaves is no news. */
export const defaultLogger: Logger = {
  info() {},
  warn: write,
  error: write,
}

function write(message: string, ...details: unknown[]): void {
  process.stderr.write(`${format(`catzilla: ${message}`, ...details)}\n`)
}
