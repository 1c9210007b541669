// @ts-check
/**
 * CTC's log-probs → text, as asrquant does it in Python: the best path, or a beam search with the model's n-gram.
 *
 * The search follows SpeechBrain's CTCBeamSearcher (after pyctcdecode) step by step. Scores are rounded to float32 where NumPy
 * rounds them, so that the same log-probs give the same text here and there.
 */

/** @typedef {import('./ngram.js').Ngram} Ngram */
/** @typedef {import('./ngram.js').State} State */

/**
 * What the outputs mean, and how to search: decoder.json of an artifact.
 * @typedef {object} Decoder
 * @property {string} decoder name of asrquant's decoder: greedy, beam, ngram or fast
 * @property {string[]} labels each output's name
 * @property {string[]} texts what each output adds to a text
 * @property {number} blank_index
 * @property {string | null} ngram name of the n-gram's file
 * @property {Record<string, any>} search settings of the beam search
 * @property {string} punctuation characters before which one space goes away
 */

/**
 * The encoder's output for one clip, frame after frame.
 * @typedef {object} LogProbs
 * @property {Float32Array} values
 * @property {number} frames
 * @property {number} labels
 */

/**
 * A text that may become the best one.
 * @typedef {object} Beam
 * @property {string} text whole words
 * @property {string} next the word that has just ended and was not scored yet
 * @property {string} partial the word at the end, as far as it goes
 * @property {string | null} last label of the last frame
 * @property {number} score of the frames, float32
 * @property {number} total score with the n-gram's, float32
 */

const { fround } = Math;

/** @param {string} text */
const tidy = (text) => text.split(/\s+/).filter(Boolean).join(' ');

/**
 * The best label of every frame, repeats and blanks removed.
 * @param {LogProbs} logProbs
 * @param {Decoder} decoder
 */
export function greedy({ values, frames, labels }, decoder) {
  let text = '', before = -1;
  for (let frame = 0; frame < frames; frame++) {
    let best = 0;
    for (let label = 1; label < labels; label++) {
      if (values[frame * labels + label] > values[frame * labels + best]) best = label;
    }
    if (best !== before && best !== decoder.blank_index) text += decoder.texts[best];
    before = best;
  }
  for (const mark of decoder.punctuation ?? '') text = text.replaceAll(` ${mark}`, mark);
  return tidy(text);
}

/**
 * log(exp(a) + exp(b)), in float32.
 * @param {number} a
 * @param {number} b
 */
const logAddExp = (a, b) => fround(a === b ? a + Math.LN2 : Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b))));

/**
 * @param {string} text
 * @param {string} word
 */
const joined = (text, word) => (word === '' ? text : text === '' ? word : `${text} ${word}`);

/** Beam search over CTC's log-probs. */
export class BeamSearch {
  /**
   * @param {Decoder} decoder
   * @param {Ngram | null} ngram without one, the frames alone decide
   */
  constructor(decoder, ngram) {
    const own = Object.fromEntries(Object.entries(decoder.search).filter(([, value]) => value !== null));
    this.settings = {
      beam_size: 100, beam_prune_logp: -10, token_prune_min_logp: -5, prune_history: true, blank_skip_threshold: 1,
      alpha: 0.5, beta: 1.5, unk_score_offset: -10, score_boundary: true, unigrams: null, space_token: ' ', spm_token: '▁',
      ...own,
    };
    this.labels = decoder.labels;
    this.blank = decoder.blank_index;
    this.pieces = this.labels.some((label) => label.startsWith(this.settings.spm_token));
    this.space = this.pieces ? -1 : this.labels.indexOf(this.settings.space_token);
    this.words = ngram && new Words(ngram, this.settings);
  }

  /**
   * The best text.
   * @param {LogProbs} logProbs
   */
  text({ values, frames, labels }) {
    const { token_prune_min_logp: least, blank_skip_threshold: skipped } = this.settings;
    /** @type {Map<string, {score: number, state: State}>} */
    const scored = new Map();
    if (this.words) scored.set('', { score: 0, state: this.words.start() });
    /** @type {Beam[]} */
    let beams = [{ text: '', next: '', partial: '', last: null, score: 0, total: 0 }];
    for (let frame = 0; frame < frames; frame++) {
      const column = values.subarray(frame * labels, (frame + 1) * labels);
      if (column[this.blank] > Math.log(skipped)) continue;
      const best = column.reduce((found, value, label) => (value > column[found] ? label : found), 0);
      /** @type {Beam[]} */
      const longer = [];
      for (let label = 0; label < Math.min(labels, this.labels.length); label++) {
        if (column[label] > least || label === best) {
          for (const beam of beams) longer.push(this.extended(beam, label, column[label]));
        }
      }
      beams = this.distinct(this.kept(merged(longer), scored));
    }
    const ended = beams.map((beam) => ({ ...beam, next: beam.partial, partial: '', last: null }));
    return tidy(this.kept(merged(ended), scored)[0].text);
  }

  /**
   * A beam with one frame more.
   * @param {Beam} beam
   * @param {number} index of the frame's label
   * @param {number} value its log-prob
   * @returns {Beam}
   */
  extended(beam, index, value) {
    const label = this.labels[index];
    const next = { ...beam, last: label, score: fround(beam.score + value) };
    if (index === this.blank || beam.last === label) return next;
    if (this.pieces && label.startsWith(this.settings.spm_token)) {
      return { ...next, next: beam.partial, partial: label.slice(1) };
    }
    if (index === this.space) return { ...next, next: beam.partial, partial: '' };
    return { ...next, partial: beam.partial + label };
  }

  /**
   * The beams with the n-gram's scores: the best ones, best first.
   * @param {Beam[]} beams
   * @param {Map<string, {score: number, state: State}>} scored texts whose words have been scored
   */
  kept(beams, scored) {
    for (const beam of beams) {
      const text = joined(beam.text, beam.next);
      let extra = 0;
      if (this.words) {
        let known = scored.get(text);
        if (!known) {
          const before = /** @type {{score: number, state: State}} */ (scored.get(beam.text));
          const { score, state } = this.words.score(before.state, beam.next);
          scored.set(text, (known = { score: before.score + score, state }));
        }
        extra = known.score + (beam.partial ? this.words.partial(beam.partial) : 0);
      }
      Object.assign(beam, { text, next: '', total: fround(beam.score + fround(extra)) });
    }
    const most = beams.reduce((found, beam) => Math.max(found, beam.total), -Infinity);
    const least = fround(most + this.settings.beam_prune_logp);
    return beams.filter((beam) => beam.total >= least).sort((a, b) => b.total - a.total).slice(0, this.settings.beam_size);
  }

  /**
   * Of beams that the n-gram will not tell apart any more, the best.
   * @param {Beam[]} beams best first
   */
  distinct(beams) {
    if (!this.settings.prune_history) return beams;
    const seen = new Set();
    const history = Math.max(1, (this.words ? this.words.ngram.order : 1) - 1);
    return beams.filter((beam) => {
      const key = JSON.stringify([beam.text.split(' ').slice(-history), beam.partial, beam.last]);
      return !seen.has(key) && seen.add(key);
    });
  }
}

/**
 * Beams of the same text as one.
 * @param {Beam[]} beams
 */
function merged(beams) {
  /** @type {Map<string, Beam>} */
  const found = new Map();
  for (const beam of beams) {
    const key = JSON.stringify([joined(beam.text, beam.next), beam.partial, beam.last]);
    const other = found.get(key);
    found.set(key, other ? { ...beam, score: logAddExp(other.score, beam.score) } : beam);
  }
  return [...found.values()];
}

/** What words are worth to the search: the n-gram's log-probs, weighed, and the list of known words. */
class Words {
  /**
   * @param {Ngram} ngram
   * @param {Record<string, any>} settings of the search
   */
  constructor(ngram, settings) {
    this.ngram = ngram;
    this.settings = settings;
    /** @type {string[]} */
    const listed = settings.unigrams ?? ngram.words();
    this.known = new Set(listed.filter((word) => ngram.has(word)));
    /** @type {Set<string>} */
    this.beginnings = new Set();
    for (const word of this.known) {
      for (let end = 1; end <= word.length; end++) this.beginnings.add(word.slice(0, end));
    }
  }

  start() {
    return this.settings.score_boundary ? this.ngram.start() : [];
  }

  /**
   * @param {State} state words before
   * @param {string} word
   */
  score(state, word) {
    const { alpha, beta, unk_score_offset: unknown } = this.settings;
    const found = this.ngram.score(state, word);
    const strange = (this.known.size > 0 && !this.known.has(word)) || !this.ngram.has(word);
    return { score: (alpha * (found.score + (strange ? unknown : 0))) / Math.log10(Math.E) + beta, state: found.state };
  }

  /**
   * What the beginning of a word costs where no known word begins so.
   * @param {string} word
   */
  partial(word) {
    const cost = this.beginnings.has(word) ? 0 : this.settings.unk_score_offset;
    const letters = [...word].length;
    return letters > 6 ? (cost * letters) / 6 : cost;
  }
}
