// The text of a merge while somebody works on it: alternatives are chosen, and it is edited freely.
//
// Owns how places move in the text when something before them changes, and the commas between members and items. A place
// that was edited by hand has the choice "hand"; one of which only a part is left has no span any more. All functions give new
// values. It must not know the page.

// `{text, places}` with the alternative `choice` ("base", "ours", "theirs", "both") at the place of this id.
export function choose({text, places}, id, choice) {
  const place = places[id];
  if (place.start === null) return {text, places};
  const content = place[choice] ?? '';
  const [from, to, written, lead] = content === '' ? removal(text, place) : placement(text, place, content);
  const start = from + lead;
  const moved = places.map((other, index) => {
    if (index === id) return {...place, choice, start, end: start + content.length};
    return index < id || other.start === null ? other : shifted(other, to, from + written.length, written.length - (to - from));
  });
  return {text: text.slice(0, from) + written + text.slice(to), places: moved};
}

// The text with another one in its place, as somebody typed it; places that it touches are decided by hand.
export function editByHand({text, places}, edited) {
  if (text === edited) return {text, places};
  const [from, to] = changedSpan(text, edited);
  const delta = edited.length - text.length;
  const grows = !/[,\n]/.test(edited.slice(from, to + delta)); // what is typed right behind a place belongs to it, unless it is another one
  const moved = places.map((place) => {
    if (place.start === null || place.end < from) return place;
    if (place.end === from && (place.start === from || !grows)) return place;
    if (place.start >= to) return {...place, start: place.start + delta, end: place.end + delta};
    if (place.start <= from && to <= place.end) return {...place, end: place.end + delta, choice: 'hand'};
    return {...place, start: null, end: null, choice: 'hand'};
  });
  return {text: edited, places: moved};
}

// How many clashes nobody has decided yet.
export function undecided(places) {
  return places.reduce((count, place) => count + (place.choice === null ? 1 : 0), 0);
}

// From where to where of the old text something else stands in the new one.
function changedSpan(text, edited) {
  const shorter = Math.min(text.length, edited.length);
  let from = 0;
  while (from < shorter && text.charCodeAt(from) === edited.charCodeAt(from)) from += 1;
  let tail = 0;
  while (tail < shorter - from && text.charCodeAt(text.length - 1 - tail) === edited.charCodeAt(edited.length - 1 - tail)) tail += 1;
  return [from, text.length - tail];
}

function shifted(place, to, end, delta) {
  const move = (at) => (at <= to ? end : at + delta);
  return {...place, start: move(place.start), end: move(place.end)};
}

// What to cut so that a place is empty: its text, and one of the commas around it.
function removal(text, place) {
  if (place.start === place.end) return [place.start, place.end, '', 0];
  const before = lastMark(text, place.start);
  const after = nextMark(text, place.end);
  if (text[before] === ',') return [before, place.end, '', 0];
  return [before + 1, text[after] === ',' ? after + 1 : place.end, '', 0];
}

// What to write so that a place holds this text; the last of the four is where in it the text begins.
function placement(text, place, content) {
  if (place.start !== place.end) return [place.start, place.end, content, 0];
  const before = lastMark(text, place.start);
  const after = text[nextMark(text, place.end)];
  const first = text[before] === '{' || text[before] === '[' || text[before] === ',';
  const closes = after === '}' || after === ']';
  const depth = depthOf(text, before);
  const lead = `${first ? '' : ','}\n${depth}`;
  const tail = closes ? (text[place.end] === after ? `\n${depth.slice(2)}` : '') : after === ',' ? '' : ',';
  return [place.start, place.end, `${lead}${content}${tail}`, lead.length];
}

// The indentation of what stands at this level: that of the line of `before`, a step deeper if that opens something.
function depthOf(text, before) {
  const line = text.lastIndexOf('\n', before) + 1;
  const spaces = /^ */.exec(text.slice(line, line + 1000))[0];
  return text[before] === '{' || text[before] === '[' ? `${spaces}  ` : spaces;
}

function lastMark(text, at) {
  let place = at - 1;
  while (place > 0 && /\s/.test(text[place])) place -= 1;
  return place;
}

function nextMark(text, at) {
  let place = at;
  while (place < text.length && /\s/.test(text[place])) place += 1;
  return place;
}
