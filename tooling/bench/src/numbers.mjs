/**
 * NaN stands for a figure that does not exist.
 * @param {number} value
 * @param {number} digits
 */
export function formatNumber(value, digits) {
  if (Number.isNaN(value)) return '–'
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
