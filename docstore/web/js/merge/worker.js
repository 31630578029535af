// The thread beside the page that merges and compares: a message `{name, input}` is answered with its outcome.

import {outcome} from './tasks.js';

self.addEventListener('message', ({ data: {name, input} }) => self.postMessage(outcome(name, input)));
