// A text between two others, at a share of the way: the guess of a search among ids.
//
// Owns the order that ids have (by code points, which is that of their UTF-8 bytes) and arithmetic on them. Ids tend to have
// a beginning in common and digits or letters behind it, so it is the first few differing characters that are interpolated.

const DIGITS = 8; // characters behind the common beginning that count
const ASCII = [0x20, 0x7f];
const ALL = [0x20, 0xffff];

const points = (text) => Array.from(text, (character) => character.codePointAt(0));

// Which of two ids comes first: below, equal to or above zero.
export function compare(left, right) {
  if (left === right) return 0;
  const a = points(left);
  const b = points(right);
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) if (a[at] !== b[at]) return a[at] - b[at];
  return a.length - b.length;
}

// A text `t` with low < t <= high, near `low` for a share of 0 and near `high` for 1. `low < high` is the caller's word.
export function between(low, high, share) {
  const a = points(low);
  const b = points(high);
  let common = 0;
  while (common < a.length && common < b.length && a[common] === b[common]) common += 1;
  const [least, end] = [...a.slice(common), ...b.slice(common)].every((point) => point >= ASCII[0] && point < ASCII[1]) ? ASCII : ALL;
  const base = end - least + 1; // digit 0 is the end of the text
  const digits = (text) => Array.from({length: DIGITS}, (_, at) => (text[common + at] === undefined ? 0 : Math.min(base - 1, Math.max(1, text[common + at] - least + 1))));
  const from = valueOf(digits(a), base);
  const to = valueOf(digits(b), base);
  let guess = from + ((to - from) * BigInt(Math.round(Math.min(1, Math.max(0, share)) * 1e6))) / 1_000_000n;
  if (guess <= from) guess = from + 1n;
  if (guess >= to) return high;
  const text = textOf(guess, base, least);
  const found = String.fromCodePoint(...a.slice(0, common)) + text;
  return compare(found, low) > 0 && compare(found, high) <= 0 ? found : high;
}

const valueOf = (digits, base) => digits.reduce((value, digit) => value * BigInt(base) + BigInt(digit), 0n);

function textOf(value, base, least) {
  const digits = [];
  for (let left = value; digits.length < DIGITS; left /= BigInt(base)) digits.unshift(Number(left % BigInt(base)));
  const end = digits.indexOf(0);
  const kept = end < 0 ? digits : digits.slice(0, end);
  return String.fromCodePoint(...kept.map((digit) => {
    const point = digit - 1 + least;
    return point >= 0xd800 && point <= 0xdfff ? 0xd7ff : point; // halves of characters are no text
  }));
}
