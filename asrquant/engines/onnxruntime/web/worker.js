// @ts-check
/** The models at work, beside the page, so that it stays alive: ONNX Runtime Web, and the decoders. */

import * as ort from './ort/ort.wasm.min.js';
import { Ngram } from './ngram.js';
import { BeamSearch, greedy } from './search.js';

/** @typedef {import('./search.js').Decoder} Decoder */
/** @typedef {import('./search.js').LogProbs} LogProbs */

/**
 * What a model makes of a clip.
 * @typedef {object} Heard
 * @property {string} text
 * @property {number} seconds of the encoder
 * @property {number} decoderSeconds from log-probs to text
 * @property {LogProbs} logProbs
 */

const GLUE = new URL('./ort/ort-wasm-simd-threaded.js', import.meta.url).href;
const RATE = 16000;
const ready = import(GLUE);  // what ONNX Runtime will ask for: once it is here, no network is needed any more
/** @type {Map<string, any>} */
const sessions = new Map();
/** @type {Map<string, (logProbs: LogProbs) => string>} */
const decoders = new Map();

const tasks = {
  /**
   * Be there, with all scripts.
   */
  async hello() {
    await ready;
  },

  /**
   * Take the WebAssembly and the decoders.
   * @param {{wasm: ArrayBuffer, threads: number, decoder: Decoder, ngram: string | null}} given
   */
  async start({ wasm, threads, decoder, ngram }) {
    Object.assign(ort.env.wasm, { wasmBinary: wasm, wasmPaths: { mjs: GLUE }, numThreads: threads });
    decoders.set('greedy', (logProbs) => greedy(logProbs, decoder));
    if (ngram !== null) {
      const search = new BeamSearch(decoder, new Ngram(ngram));
      decoders.set('ngram', (logProbs) => search.text(logProbs));
    }
    const plain = new BeamSearch(decoder, null);
    decoders.set('beam', (logProbs) => plain.text(logProbs));
    // The WebAssembly is compiled for the first model. With an empty one, which is refused, that is while the others are fetched.
    await ort.InferenceSession.create(new Uint8Array(1)).catch(() => {});
  },

  /**
   * Open a model, and run it once, which takes longer than the next time.
   * @param {{name: string, bytes: ArrayBuffer}} given
   */
  async open({ name, bytes }) {
    sessions.set(name, await ort.InferenceSession.create(new Uint8Array(bytes), { executionProviders: ['wasm'] }));
    await encode(name, new Float32Array(RATE).map((_, sample) => Math.sin(sample / 7) / 10));
  },

  /**
   * Transcribe a clip.
   * @param {{name: string, wave: Float32Array, decoder: string}} given
   * @returns {Promise<Heard>}
   */
  async hear({ name, wave, decoder }) {
    const begun = performance.now();
    const logProbs = await encode(name, wave);
    const encoded = performance.now();
    const text = (decoders.get(decoder) ?? decoders.get('greedy'))?.(logProbs) ?? '';
    return { text, seconds: (encoded - begun) / 1000, decoderSeconds: (performance.now() - encoded) / 1000, logProbs };
  },
};

/**
 * @param {string} name
 * @param {Float32Array} wave
 * @returns {Promise<LogProbs>}
 */
async function encode(name, wave) {
  const { log_probs: found } = await sessions.get(name).run({ wave: new ort.Tensor('float32', wave, [1, wave.length]) });
  const [, frames, labels] = found.dims;
  return { values: found.data, frames, labels };
}

/** @param {MessageEvent<{id: number, task: keyof typeof tasks, given: any}>} event */
self.onmessage = async ({ data: { id, task, given } }) => {
  try {
    self.postMessage({ id, value: await tasks[task](given) });
  } catch (error) {
    self.postMessage({ id, problem: String(error instanceof Error ? error.message : error) });
  }
};
