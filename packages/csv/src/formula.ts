/** What becomes of text that a spreadsheet would run as a formula. */
export type FormulaPolicy = 'escape' | 'reject' | 'off'

/**
 * Whether a spreadsheet may run `text` as a formula (CWE-1236). Text that is nothing but a number (a decimal of a database
 * often comes as text) is none: its value is what it says.
 *
 * @see https://owasp.org/www-community/attacks/CSV_Injection
 */
export function isFormula(text: string): boolean {
  const code = text.charCodeAt(0)
  // Letters and digits, what nearly every text begins with, are told at one look.
  if ((code >= 0x41 && code <= 0x7a) || (code >= 0x30 && code <= 0x39)) return false
  return beginsFormula(text) && !NUMBER.test(text)
}

const NUMBER = /^[+-]\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function beginsFormula(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (!isSkipped(code)) return isTrigger(code)
  }
  return false
}

/** Spaces, no-break and ideographic ones too, and the byte order mark: programs drop them before they look at the text. */
function isSkipped(code: number): boolean {
  return code === 0x20 || code === 0xa0 || code === 0x3000 || code === 0xfeff
}

function isTrigger(code: number): boolean {
  switch (code) {
    case 0x3d: // =
    case 0x2b: // +
    case 0x2d: // -
    case 0x40: // @
    case 0x09: // TAB
    case 0x0d: // CR
    case 0x0a: // LF
    case 0xff1d: // ＝
    case 0xff0b: // ＋
    case 0xff0d: // －
    case 0xff20: // ＠
      return true
    default:
      return false
  }
}
