// A text between two others, at a share of the way: the guess of a search among ids.
//
// Owns the order that ids have (by code points, which is that of their UTF-8 bytes) and arithmetic on them. Ids tend to have
// a beginning in common and digits or letters behind it, so it is the first few differing characters that are interpolated,
// as digits of the alphabet that the ids are written in.

const DIGITS = 10; // characters behind the common beginning that count
const ASCII = Array.from({length: 0x5f}, (_, at) => at + 0x20);

const points = (text) => Array.from(text, (character) => character.codePointAt(0));

// Which of two ids comes first: below, equal to or above zero.
export function compare(left, right) {
  if (left === right) return 0;
  const a = points(left);
  const b = points(right);
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) if (a[at] !== b[at]) return a[at] - b[at];
  return a.length - b.length;
}

// The characters of these ids from the first place on in which two of them differ, in their order.
export function alphabetOf(ids) {
  let common = 0;
  while (ids.length > 1 && common < ids[0].length && ids.every((id) => id[common] === ids[0][common])) common += 1;
  return [...new Set(ids.flatMap((id) => points(id.slice(common))))].sort((a, b) => a - b);
}

// A text `t` with low < t <= high, near `low` for a share of 0 and near `high` for 1. `low < high` is the caller's word, and
// `alphabet` a guess at what lies between: ASCII if there is none.
export function between(low, high, share, alphabet = ASCII) {
  const a = points(low);
  const b = points(high);
  const common = commonLength(low, high);
  const letters = [...new Set([...alphabet, ...a.slice(common, common + DIGITS), ...b.slice(common, common + DIGITS)])].sort((x, y) => x - y);
  const base = BigInt(letters.length + 1); // the digit 0 is the end of the text
  const value = (text) => {
    let sum = 0n;
    for (let at = common; at < common + DIGITS; at += 1) sum = sum * base + BigInt(text[at] === undefined ? 0 : letters.indexOf(text[at]) + 1);
    return sum;
  };
  const from = value(a);
  const to = value(b);
  const guess = from + ((to - from) * BigInt(Math.round(Math.min(1, Math.max(0, share)) * 1e9))) / 1_000_000_000n;
  if (guess >= to) return high;
  const found = text(a.slice(0, common), guess <= from ? from + 1n : guess, base, letters);
  return compare(found, low) > 0 && compare(found, high) <= 0 ? found : high;
}

// How many characters two texts have in common at their beginning.
export function commonLength(low, high) {
  const a = points(low);
  const b = points(high);
  let common = 0;
  while (common < a.length && common < b.length && a[common] === b[common]) common += 1;
  return common;
}

// The first text behind all that begin with so many characters of this one and not with one more; null if it is not so long.
export function behindBeginning(low, length) {
  const a = points(low);
  if (length >= a.length) return null;
  const next = a[length] + 1;
  return String.fromCodePoint(...a.slice(0, length), next >= 0xd800 && next <= 0xdfff ? 0xe000 : Math.min(next, 0x10ffff));
}

function text(beginning, value, base, letters) {
  const digits = [];
  for (let left = value; digits.length < DIGITS; left /= base) digits.unshift(Number(left % base));
  const end = digits.indexOf(0);
  const kept = end < 0 ? digits : digits.slice(0, end);
  return String.fromCodePoint(...beginning, ...kept.map((digit) => letters[digit - 1]));
}
