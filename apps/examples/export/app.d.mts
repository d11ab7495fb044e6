import type { App, Logger } from 'catzilla'

export interface ExportOptions {
  /** Without it, the system chooses one. */
  port?: number
  /**
   * Rows of the export; a multiple of a thousand.
   * @defaultValue 1000000
   */
  rows?: number
  logger?: Logger
}

export function startExport(options?: ExportOptions): Promise<{
  app: App
  /** Cursors that are being read. */
  database: { readonly open: number }
  url: string
  close(graceMs?: number): Promise<void>
}>
