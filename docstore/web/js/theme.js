// Light or dark, before anything is drawn: what was chosen by the switch, else what the system prefers.
// A classic script, so that it runs before the first paint; `shell.js` has the switch.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem('docstore-theme');
  } catch {
    // storage may be forbidden; then the system decides
  }
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen;
})();
