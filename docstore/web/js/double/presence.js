// Whether this is a test server, whose page then has a place of its own.

import {json} from '../api.js';
import {PLACES} from '../places.js';

const KNOWN = 'docstore-double';

// Asked once a tab, since on any other server the answer is a 404.
export async function findDouble() {
  let known = null;
  try {
    known = sessionStorage.getItem(KNOWN);
    if (known === null) {
      known = await json('_docstore/faults').then(() => 'yes', (error) => (error.status === 404 ? 'no' : ''));
      if (known) sessionStorage.setItem(KNOWN, known);
    }
  } catch {
    // storage is forbidden: it is asked again
  }
  if (known !== 'yes') return;
  PLACES.push(['Test server', ['test-server'], 'its journal, faults and snapshots']);
  dispatchEvent(new Event('places'));
}
