// @ts-check
/** The models at work, beside the page, so that it stays alive: ONNX Runtime Web, and the decoders. */

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

/**
 * ONNX Runtime Web: the library, and the code around its WebAssembly. The second one can have the browser's WebGPU work, too.
 * @type {Record<string, string[]>}
 */
const RUNTIMES = {
  wasm: ['./ort/ort.wasm.min.js', './ort/ort-wasm-simd-threaded.js'],
  webgpu: ['./ort/ort.jspi.min.js', './ort/ort-wasm-simd-threaded.jspi.js'],
};
const RATE = 16000;
/** @type {any} */
let ort;
let glue = '';
/** @type {Promise<void>} */
let ready;
/** @type {Map<string, any>} */
const sessions = new Map();
/** @type {Map<string, (logProbs: LogProbs) => string>} */
const decoders = new Map();

const tasks = {
  /**
   * Have all scripts of a runtime: once they are here, no network is needed any more.
   * @param {{runtime: string}} given
   */
  async hello({ runtime }) {
    await (ready = scripts(runtime));
  },

  /**
   * Take the WebAssembly and the decoders.
   * @param {{wasm: ArrayBuffer, threads: number, decoder: Decoder, ngram: string | null}} given
   */
  async start({ wasm, threads, decoder, ngram }) {
    await ready;
    Object.assign(ort.env.wasm, { wasmBinary: wasm, wasmPaths: { mjs: glue }, numThreads: threads });
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
   * @param {{name: string, bytes: ArrayBuffer, runtime: string}} given
   */
  async open({ name, bytes, runtime }) {
    const options = { executionProviders: [runtime], logSeverityLevel: 3 };  // that WebGPU leaves shapes to the processor is no news
    sessions.set(name, await ort.InferenceSession.create(new Uint8Array(bytes), options));
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

/** @param {string} runtime */
async function scripts(runtime) {
  const [library, around] = RUNTIMES[runtime].map((file) => new URL(file, import.meta.url).href);
  glue = around;
  [ort] = await Promise.all([import(library), import(around)]);
}

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
