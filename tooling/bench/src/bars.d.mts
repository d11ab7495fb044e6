import type { Result } from './types.ts'

export interface Judged {
  words: string
  figure: string
  verdict: 'met' | '**missed**' | 'not measured'
}

export function judge(result: Result): Judged[]
