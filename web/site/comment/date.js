/** The `Date` header as it counts when edits are compared: whole seconds, 0 for what is not a date. */

const SHAPE = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?Z$/;

/**
 * @param {string | undefined} value
 * @returns {number} seconds since 1970; 0 when there is none, or it is earlier or not `YYYY-MM-DDThh:mm:ss[.s]Z`
 */
export function dateSeconds(value) {
  const parts = SHAPE.exec(value ?? '')?.slice(1, 7).map(Number);
  if (!parts) return 0;
  const [year, month, day, hour, minute, second] = parts;
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  const isReal = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60;
  return isReal && second < 60 && year >= 1970 ? date.getTime() / 1000 : 0;
}
