// @ts-check
/** An n-gram of words, read from its ARPA file and asked as KenLM is, with sums in float32 as there. */

/** @typedef {string[]} State the last words, oldest first */

const { fround } = Math;
const BEGIN = '<s>', UNKNOWN = '<unk>';
const NO_UNKNOWN = -100;

export class Ngram {
  /**
   * @param {string} arpa contents of the file
   */
  constructor(arpa) {
    /** @type {Map<string, {value: number, backoff: number}>} by the words, with spaces between */
    this.entries = new Map();
    this.order = 0;
    for (const line of arpa.split('\n')) {
      const section = /^\\(\d+)-grams:/.exec(line);
      if (section) this.order = Number(section[1]);
      else if (this.order && /^[-\d.]/.test(line)) {
        const [value, ...rest] = line.trim().split(/\s+/);
        this.entries.set(rest.slice(0, this.order).join(' '), {
          value: fround(Number(value)), backoff: fround(Number(rest[this.order] ?? 0)),
        });
      }
    }
    if (!this.entries.has(BEGIN)) throw new Error('the n-gram is no ARPA file with a beginning of sentences');
    if (!this.entries.has(UNKNOWN)) this.entries.set(UNKNOWN, { value: NO_UNKNOWN, backoff: 0 });
  }

  /** @param {string} word */
  has(word) {
    return word !== UNKNOWN && this.entries.has(word);
  }

  words() {
    return [...this.entries.keys()].filter((words) => words !== '' && !words.includes(' '));
  }

  /** @returns {State} */
  start() {
    return this.order > 1 ? [BEGIN] : [];
  }

  /**
   * Log10-prob of a word after others, and what comes before the next one.
   * @param {State} state
   * @param {string} word
   * @returns {{score: number, state: State}}
   */
  score(state, word) {
    const known = this.has(word) ? word : UNKNOWN;
    /** @type {number[]} */
    const backoffs = [];
    let before = state, entry = this.entries.get([...before, known].join(' '));
    while (!entry) {  // the single word is there
      backoffs.unshift(this.entries.get(before.join(' '))?.backoff ?? 0);
      before = before.slice(1);
      entry = this.entries.get([...before, known].join(' '));
    }
    const score = backoffs.reduce((sum, backoff) => fround(sum + backoff), entry.value);
    return { score, state: this.order > 1 ? [...state, known].slice(1 - this.order) : [] };
  }
}
