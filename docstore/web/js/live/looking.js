// Looks at what changes by itself, again and again, as long as the page is seen and the view is there.

// `look()` is called after so many milliseconds, and so many after each answer. While it fails `problem` (a line for problems) says why.
export function lookOn(look, milliseconds, problem, signal) {
  const timer = setTimeout(async () => {
    try {
      if (!document.hidden) await look();
      problem.hidden = true;
    } catch (error) {
      problem.tell(error);
    }
    if (!signal.aborted) lookOn(look, milliseconds, problem, signal);
  }, milliseconds);
  signal.addEventListener('abort', () => clearTimeout(timer), {once: true});
}
