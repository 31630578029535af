// Colours of a line of JSON, and which bracket belongs to which.
//
// Owns the marks of single lines. A string of JSON cannot reach over the end of its line, so a line is coloured without a
// look at the lines before it, and only lines that are seen are coloured.

const TOKEN = /("(?:[^"\\]|\\.)*"?)(\s*:)?|(-?\d[\d.eE+-]*)|\b(true|false|null)\b|([{}[\]])/g;
const LONGEST = 4000; // characters of a line that are coloured
const PAIRS = {'{': '}', '[': ']'};

// Spans of a line: [text, class or null].
export function colours(line) {
  const spans = [];
  let done = 0;
  const part = line.slice(0, LONGEST);
  for (const found of part.matchAll(TOKEN)) {
    const [all, string, colon, number, word] = found;
    if (found.index > done) spans.push([part.slice(done, found.index), null]);
    if (string !== undefined) {
      spans.push([string, colon === undefined ? 'j-string' : 'j-key']);
      if (colon !== undefined) spans.push([colon, null]);
    } else spans.push([all, number !== undefined ? 'j-number' : word !== undefined ? 'j-word' : 'j-mark']);
    done = found.index + all.length;
  }
  if (done < line.length) spans.push([line.slice(done), null]);
  return spans;
}

const MARKS = /"(?:[^"\\\n]|\\.)*"?|[{}[\]]/g;
const FURTHEST = 300_000; // characters that are looked through on each side

// The two places of the bracket beside the cursor and of the one that belongs to it; null if there is none.
export function matchingBrackets(text, cursor) {
  const at = [cursor - 1, cursor].find((place) => '{}[]'.includes(text[place] || ' '));
  if (at === undefined) return null;
  const open = []; // places of brackets that are not closed yet
  MARKS.lastIndex = at > FURTHEST ? text.indexOf('\n', at - FURTHEST) + 1 : 0;
  for (let found = MARKS.exec(text); found && found.index <= at + FURTHEST; found = MARKS.exec(text)) {
    const {0: mark, index} = found;
    if (mark[0] === '"') {
      if (index < at && at < index + mark.length) return null; // the bracket stands in a string
    } else if (PAIRS[mark]) open.push(index);
    else {
      const partner = open.pop();
      if (partner === at || index === at) return partner !== undefined && PAIRS[text[partner]] === mark ? [partner, index] : null;
    }
  }
  return null;
}
