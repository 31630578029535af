// Texts of documents, a line each, as JSON strings: each is answered with its form for people, with another `_rev`, and with
// the first problem of a text that lacks its last character.

import {createInterface} from 'node:readline';
import {check} from '../../docstore/web/js/lossless/check.js';
import {colours, matchingBrackets} from '../../docstore/web/js/lossless/colours.js';
import {formatted, withMember} from '../../docstore/web/js/lossless/members.js';

for await (const line of createInterface({input: process.stdin})) {
  const text = JSON.parse(line);
  const form = formatted(text);
  const painted = form.split('\n').every((one) => colours(one).map(([part]) => part).join('') === one);
  const brackets = matchingBrackets(form, 0);
  console.log(JSON.stringify({
    form, again: formatted(form), member: withMember(text, '_rev', '"9-z"'), right: check(text), wrong: check(text.slice(0, -1)),
    painted, closes: brackets && brackets[1] === form.length - 1,
  }));
}
