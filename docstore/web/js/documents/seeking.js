// The search for a key that stands at a place, in a list whose keys are known only by asking.
//
// Owns which keys are asked for. It must not know requests: `probe(id)` gives the place of the first row at or behind an id.

import {alphabetOf, behindBeginning, between, commonLength} from './between.js';

const GUESSES = 40;
const MOST_ANCHORS = 2000;
const SAMPLE = 60;
const SURE = 2; // characters of a guess behind what the ids around it have in common

export class Seeker {
  #anchors = []; // [{place, id}], by place; ids that were met
  #sample = [];
  #alphabet = undefined;

  // Note that an id stands at a place.
  note(place, id) {
    if (this.#anchors.length >= MOST_ANCHORS) this.#anchors = this.#anchors.filter((_, at) => at % 2 === 0);
    const at = this.#behind(place);
    if (this.#anchors[at - 1]?.place === place) this.#anchors[at - 1].id = id;
    else this.#anchors.splice(at, 0, {place, id});
    if (this.#sample.length < SAMPLE) {
      this.#sample.push(id);
      this.#alphabet = this.#sample.length > SAMPLE / 3 ? alphabetOf(this.#sample) : undefined;
    }
  }

  // The beginning that the id at a place may have, by the anchors around it; empty where there are none.
  guess(place) {
    const at = this.#behind(place);
    const [low, high] = [this.#anchors[at - 1], this.#anchors[at]];
    if (!low || !high) return '';
    const found = between(low.id, high.id, (place - low.place) / (high.place - low.place), this.#alphabet);
    return [...found].slice(0, commonLength(low.id, high.id) + SURE).join('');
  }

  // How many anchors stand at or before a place.
  #behind(place) {
    let low = 0;
    let high = this.#anchors.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#anchors[middle].place <= place) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // An id that stands at `target()` or at most `near` places before it. The target may move meanwhile. `probe(id)` resolves with
  // `{place, id}`, `id` null behind the last row. Ids at both ends have to be noted before. Null if it is not found.
  //
  // A guess that lies in a gap between groups of ids (`film:...`, `user:...`) says nothing of the places in them. Then the beginning
  // that the lower group has in common is found, by halves, and guesses are made within it.
  async seek(target, near, probe) {
    let longest = 0; // of the beginnings that are tried; 0 while guesses are made by share
    for (let guesses = 0; guesses < GUESSES; guesses += 1) {
      const wanted = target();
      const at = this.#behind(wanted);
      const low = this.#anchors[at - 1];
      const high = this.#anchors[at];
      if (!low) return null;
      if (wanted - low.place <= near || !high) return low.id;
      const common = commonLength(low.id, high.id);
      const length = (common + longest) >> 1;
      const beginning = length > common ? behindBeginning(low.id, length) : null;
      const share = (wanted - near / 2 - low.place) / (high.place - low.place);
      const guess = beginning ?? between(low.id, high.id, guesses % 4 === 3 ? 0.5 : share, guesses % 4 === 3 ? undefined : this.#alphabet);
      const {place, id} = await probe(guess);
      const isGap = place === high.place;
      if (isGap) this.#anchors[at].id = guess; // nothing stands between the two
      else if (id !== null) this.note(place, id);
      if (beginning === null) longest = isGap ? low.id.length : 0;
      else if (!isGap) longest = length;
    }
    return null;
  }
}
