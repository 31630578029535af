// Rates from counts that are looked at again and again.

const KEPT_FOR = 20_000;

export class Samples {
  #series = new Map();

  // Note what a count is at this moment (ms). What was not noted for long is forgotten.
  note(name, value, now) {
    const series = this.#series.get(name) ?? [];
    if (series.length && value < series.at(-1).value) series.length = 0; // it began anew
    series.push({value, now});
    while (now - series[0].now > KEPT_FOR) series.shift();
    this.#series.set(name, series);
  }

  // How much it grows in a second, null while nobody can know.
  rate(name) {
    const series = this.#series.get(name) ?? [];
    if (series.length < 2) return null;
    const [first, last] = [series[0], series.at(-1)];
    return ((last.value - first.value) * 1000) / (last.now - first.now);
  }

  // Forget what is not among these names.
  keep(names) {
    for (const name of this.#series.keys()) if (!names.has(name)) this.#series.delete(name);
  }
}
