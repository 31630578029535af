// Elements from values. Owns the one way in which text gets into the page: as text, never as markup.

const SVG = 'http://www.w3.org/2000/svg';

// h('a.button.plain', {href: '#/', onclick: f, dataset: {id}}, 'text', element, [more], null)
//
// Behind the tag's name stand its classes, or in `class` those that depend on something.
// `on...` functions are listeners, `style` is an object of CSS properties, true is an attribute without value, null,
// undefined and false are none. `value`, `checked` and the like are set as properties. Fields are not completed or corrected by the
// browser, unless they say so.
export function h(tag, attributes, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  if (classes.length) element.className = classes.join(' ');
  const byDefault = name === 'input' || name === 'textarea' ? {autocomplete: 'off', spellcheck: 'false'} : {};
  return fill(element, {...byDefault, ...attributes}, children);
}

// The same for elements of SVG.
export function svg(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

const PROPERTIES = new Set(['value', 'checked', 'disabled', 'indeterminate', 'readOnly', 'selected', 'hidden', 'files']);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) set(element, name, value);
  append(element, children);
  return element;
}

export function set(element, name, value) {
  if (name.startsWith('on') && typeof value === 'function') element.addEventListener(name.slice(2), value);
  else if (name === 'style') for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
  else if (name === 'dataset') for (const [key, one] of Object.entries(value)) element.dataset[key] = one;
  else if (PROPERTIES.has(name) && name in element) element[name] = value ?? '';
  else if (value === null || value === undefined || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? '' : String(value));
}

export function append(element, children) {
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    if (Array.isArray(child)) append(element, child);
    else element.append(child instanceof Node ? child : String(child));
  }
}

// The element's children are these from now on.
export function replace(element, ...children) {
  element.replaceChildren();
  append(element, children);
  return element;
}

export const $ = (selector, within = document) => within.querySelector(selector);

let ids = 0;

// An id that no other element of the page has, for labels and descriptions.
export function uniqueId(prefix = 'e') {
  ids += 1;
  return `${prefix}-${ids}`;
}

// A labelled field: `field('Name', h('input', {...}), 'what it is for')`.
export function field(label, control, hint) {
  control.id ||= uniqueId('field');
  const told = hint && h('small', {id: `${control.id}-hint`}, hint);
  if (told) control.setAttribute('aria-describedby', told.id);
  return h('div', {class: 'field'}, h('label', {for: control.id}, label), control, told);
}

// Put text in the place of what is selected in a text field, as if it were typed.
export function typeInto(area, text) {
  area.focus();
  if (document.execCommand('insertText', false, text)) return;
  area.setRangeText(text, area.selectionStart, area.selectionEnd, 'end');
  area.dispatchEvent(new InputEvent('input', {bubbles: true}));
}

// Waits until calls have stopped for so many milliseconds.
export function debounced(call, milliseconds) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds, ...values);
  };
}

// Whether a key belongs to a field that somebody types into.
export function typesInto(target) {
  return target instanceof Element && target.closest('input, textarea, select, [contenteditable=true]') !== null;
}
