// A field for JSON or program text: the Tab key indents (Escape lets it go on to the next field), a place can be shown.

import {h, uniqueId} from '../dom.js';

// `changed(text)` is called for what is typed, `submit()` for Ctrl+Enter. Answers `{element, value, select(start, end), focus()}`.
export function codeField({value, label, changed = () => {}, submit = null, rows = 24}) {
  const hint = h('span', {class: 'visually-hidden', id: uniqueId('hint')}, 'Tab indents; press Escape first to leave the field with it.');
  const area = h('textarea', {class: 'mono code-field', 'aria-label': label, wrap: 'off', rows, 'aria-describedby': hint.id});
  area.value = value;
  let leaves = false;
  area.addEventListener('input', () => changed(area.value));
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') leaves = true;
    else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && submit) {
      event.preventDefault();
      submit();
    } else if (event.key === 'Tab' && !event.shiftKey && !leaves) {
      event.preventDefault();
      area.setRangeText('  ', area.selectionStart, area.selectionEnd, 'end');
      changed(area.value);
    } else leaves = event.key === 'Shift' && leaves;
  });
  return {
    element: h('div', {class: 'code-holder'}, area, hint),
    get value() {
      return area.value;
    },
    set value(text) {
      if (area.value !== text) area.value = text;
    },
    select(start, end) {
      area.setSelectionRange(start, end);
      const line = parseFloat(getComputedStyle(area).lineHeight) || 20;
      const before = area.value.slice(0, start).split('\n').length - 1;
      area.scrollTop = Math.max(0, before * line - area.clientHeight / 3);
      area.scrollLeft = 0;
    },
    focus: () => area.focus(),
  };
}
