// Fields in which a selector, a query or a list of fields of a database is typed: what may stand there is offered.

import {fieldNames} from '../query/field-names.js';
import {listed, suggestions} from '../query/suggestions.js';
import {completed} from './completion.js';

// The field, for a selector, or with `isQuery` for a whole query; while `is()`.
export const withSelector = (area, db, {isQuery = false, is = () => true} = {}) => completed(area,
  (text, cursor, isAsked) => (is() ? suggestions(text, cursor, {names: () => fieldNames(db), isQuery, isAsked}) : null));

export const withFields = (area, db) => completed(area, (text, cursor) => listed(text, cursor, {names: () => fieldNames(db)}));
