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
  /** Scenario groups it takes part in; all if absent. */
  only?: string[]
}

/** A started contestant. */
export interface Server {
  contestant: Contestant
  port: number
  pid: number
  /** Why it is gone; undefined if it still runs. To be asked when a client lost it. */
  causeOfDeath: () => Promise<string | undefined>
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
  /** Contestant name, or `best-peer`. */
  to: string
  title: string
  /** `speed`: other ÷ own, higher is better. `cost`: own ÷ other, lower is better. `difference`: own − other. */
  as: 'speed' | 'cost' | 'difference'
  /** Figure that is compared; lower is better. */
  key: string
  digits: number
}

/** How long each measurement takes. */
export interface Pace {
  seconds: number
  requests: number
}

export interface Scenario {
  name: string
  /** What `--scenario` selects; several scenarios can share a group. */
  group: string
  title: string
  /** What is done and how it is measured, for the reader of the table. */
  method: string
  cores: number
  columns: Column[]
  comparisons: Comparison[]
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
