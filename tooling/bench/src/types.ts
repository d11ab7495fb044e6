/** What a contestant is to a table. */
export type Role =
  /** The raw kernel cost of the same bytes. */
  | 'floor'
  /** catzilla, on either transport. */
  | 'own'
  /** A server that users could choose instead. */
  | 'peer'
  /** A yardstick that does not deliver the bytes. */
  | 'yardstick'

export interface Contestant {
  /** Word for the command line. */
  name: string
  /** Words for the table. */
  label: string
  role: Role
  /** Program and arguments; called late, as a missing program must only cost its own contestant. */
  command: () => string[]
  env?: Record<string, string>
  /** npm packages whose versions the report names. */
  packages?: string[]
}

/** A started contestant. */
export interface Server {
  contestant: Contestant
  port: number
  pid: number
  /** Why it is gone; undefined if it still runs. To be asked when a client lost it. */
  causeOfDeath: () => Promise<string | undefined>
  /** Bytes in JavaScript objects after it; NaN where there are none. */
  collectGarbage: () => Promise<{ heapUsed: number }>
  stop: () => Promise<void>
}

/** The figures of one measurement, by column key. */
export type Sample = Record<string, number>

export interface Column {
  key: string
  title: string
  digits: number
  /** Print the range over the rounds, too. */
  spread?: boolean
}

/** How a figure is compared; always the median of the ratios (or differences) within each round. */
export interface Comparison {
  /** Contestant name; `best-peer`, or several names: the best of them. */
  to: string | string[]
  /** Who is compared with when no one of `to` could be measured. */
  standIn?: string
  title: string
  /** `speed`: other ÷ own, higher is better. `cost`: own ÷ other, lower is better. `difference`: own − other. */
  as: 'speed' | 'cost' | 'difference'
  /** Figure that is compared; lower is better. */
  key: string
  digits: number
}

/** What a contestant of ours must reach. */
export type Bar = {
  /** @defaultValue catzilla */
  contestant?: string
  /** The bar in words. */
  words: string
  unit: string
  key: string
  digits: number
  /** Without it, the figure itself is what counts. */
  against?: Pick<Comparison, 'to' | 'standIn' | 'as'>
} & ({ atLeast: number } | { atMost: number } | { below: number })

/** How long each measurement takes. */
export interface Pace {
  seconds: number
  requests: number
  /** Open at once, where many are. */
  streams: number
  /**
   * Before memory is read. V8 grows its young generation under load, to twice 16 MiB, and gives it back when next to nothing was
   * allocated for eight seconds: two readings without the wait differ by how much of it was touched, up to 700 bytes a stream.
   */
  restMs: number
}

export interface Scenario {
  name: string
  /** What `--scenario` selects; several scenarios can share a group. */
  group: string
  title: string
  /** What is done and how it is measured, for the reader of the table. */
  method: string
  cores: number
  /** Names of those who take part, with spaces between; all if absent. */
  contestants?: string
  /** Each measurement gets a server of its own, just started, and there are no warm-up rounds. */
  restarts?: boolean
  /** Where a measurement is long, and steady. */
  mostRounds?: number
  columns: Column[]
  comparisons: Comparison[]
  bars?: Bar[]
  /** What the servers need to have: environment variables for them, and how to tidy up. */
  prepare?: () => Promise<{ env: Record<string, string>; tidyUp: () => void }>
  /** Throws unless the answer is right to the byte. */
  check: (server: Server) => Promise<void>
  measure: (server: Server, pace: Pace) => Promise<Sample>
}

export interface Row {
  contestant: Contestant
  /** One per round; incomplete when `failure` is set. */
  samples: Sample[]
  failure?: { stage: 'did not load' | 'answered wrongly' | 'failed'; reason: string }
}

export interface Result {
  scenario: Scenario
  rows: Row[]
  skipped?: string
}
