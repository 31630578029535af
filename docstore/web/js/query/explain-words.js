// What `_explain` answers, in words: the steps of a query, and why other indexes were not taken.
//
// Owns the words. It must not know the page.

const REASONS = {
  alphabetically_comes_after: 'as good, but its name comes later',
  less_overlap: 'the selector narrows fewer of its fields',
  too_many_fields: 'it has more fields than are needed',
  unfavored_type: 'other kinds of index come first',
  excluded_by_user: 'use_index names another one',
  scope_mismatch: 'it is of another scope: one partition, or all of them',
  is_partial: 'it has only some of the documents; use_index would take it',
  field_mismatch: 'not every document that matches has its fields',
  sort_order_mismatch: 'it is in another order than sort wants',
  needs_text_search: 'it cannot search for text',
};

// The steps of a query, in order: `{title, detail, cost}`; `cost` is "good", "bad" or "".
export function stepsOf(plan) {
  const index = plan.index;
  if (!index) return [{title: 'No index', detail: 'No index can answer this query.', cost: 'bad'}];
  const isScan = index.type === 'special';
  const args = plan.mrargs ?? {};
  const steps = [{
    title: isScan ? 'All documents' : `Index ${index.name}`,
    detail: isScan ? 'in the order of their ids' : `${index.ddoc ?? ''} on ${fieldsOf(index).join(', ')}`,
    cost: isScan ? 'bad' : 'good',
  }];
  if ('start_key' in args) {
    const isWhole = isScan && (args.start_key ?? '') === '' && (args.end_key === '<MAX>' || args.end_key === null);
    steps.push({title: isWhole ? 'All of it is read' : 'A range is read', detail: isWhole ? '' : `from ${range(args.start_key)} to ${range(args.end_key)}`,
      cost: isWhole ? 'bad' : 'good'});
  }
  if (args.direction === 'rev') steps.push({title: 'Backwards', detail: 'the last key first', cost: ''});
  steps.push(plan.covering ? {title: 'No document is opened', detail: 'the index has all fields that are asked for', cost: 'good'}
    : {title: 'Documents are opened', detail: 'one for each row', cost: ''});
  const left = plan.selector_hints?.flatMap((hint) => hint.unindexable_fields) ?? [];
  steps.push({title: 'The selector is tested', detail: left.length ? `no index can narrow ${left.join(', ')}` : '', cost: left.length ? 'bad' : ''});
  const last = [plan.skip ? `skip ${plan.skip}` : '', `limit ${plan.limit}`, plan.fields?.length ? `fields ${plan.fields.join(', ')}` : ''];
  steps.push({title: 'Answer', detail: last.filter(Boolean).join(', '), cost: ''});
  return steps;
}

// The indexes that were not taken, best first: `{name, fields, usable, reason}`.
export function candidatesOf(plan) {
  return [...(plan.index_candidates ?? [])].sort((a, b) => a.analysis.ranking - b.analysis.ranking).map(({index, analysis}) => ({
    name: index.name, fields: fieldsOf(index), usable: analysis.usable,
    reason: analysis.reasons.map(({name}) => REASONS[name] ?? name.replaceAll('_', ' ')).join('; ') || (analysis.usable ? 'another one is better' : 'it cannot be used'),
  }));
}

// `name` or `name desc` of the fields of an index.
export function fieldsOf(index) {
  return (index.def?.fields ?? []).map((field) => {
    if (typeof field === 'string') return field;
    const [[name, order]] = Object.entries(field);
    return order === 'desc' ? `${name} desc` : name;
  });
}

const range = (bound) => (Array.isArray(bound) ? bound.map((one) => (one === '<MAX>' ? 'the end' : JSON.stringify(one))).join(', ') || 'the beginning'
  : bound === '<MAX>' ? 'the end' : JSON.stringify(bound));
