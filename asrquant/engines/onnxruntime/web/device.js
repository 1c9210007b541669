// @ts-check
/** Both models on the visitor's device: what they need is fetched once, and they work in a worker that can be stopped. */

/** @typedef {import('./search.js').Decoder} Decoder */
/** @typedef {import('./worker.js').Heard} Heard */

/**
 * A model of the page: page.json.
 * @typedef {{name: string, note: string, file: string, bytes: number}} Model
 */

/**
 * What the page is about: page.json.
 * @typedef {object} Settings
 * @property {string} source the model's name
 * @property {Model[]} models
 * @property {string} wasm
 * @property {number} wasm_bytes of the file as it is fetched
 * @property {string} gpu_wasm the same with what asks WebGPU
 * @property {number} gpu_wasm_bytes
 * @property {string} version of ONNX Runtime Web
 * @property {number} ngram_bytes of the n-gram's file; 0 where there is none
 */

/**
 * Told how far something is; the last two are bytes, or 0 and 0 where nobody knows.
 * @typedef {(stage: string, done: number, total: number) => void} Progress
 */

/**
 * What runs the original: WebAssembly, as it runs the quantized model, or WebGPU.
 * @typedef {'wasm' | 'webgpu'} Runtime
 */

/** Somebody has pressed Cancel. */
export class Cancelled extends Error {}

/** Something that a person should read. */
export class Problem extends Error {}

const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);
/** The least module with an instruction of WebAssembly's SIMD. */
const MOST_THREADS = 4;
const MOST_NGRAM = 20e6;
const PAUSE = 500;

/** Why this browser cannot do it; empty where it can. */
export function missing() {
  if (typeof WebAssembly !== 'object' || !WebAssembly.validate(SIMD)) {
    return 'This browser has no WebAssembly with SIMD, which the models need here; try one that was updated since 2023.';
  }
  if (typeof DecompressionStream !== 'function') {
    return 'This browser cannot unpack gzip by itself (DecompressionStream); try one that was updated since 2023.';
  }
  return '';
}

/** Whether this browser can have the float model run by WebGPU. */
export async function hasGpu() {
  const { gpu } = /** @type {any} */ (navigator);
  return 'Suspending' in WebAssembly && Boolean(await gpu?.requestAdapter().catch(() => null));
}

/**
 * The page's settings. Where a server still makes the models, it is asked again until it has.
 * @param {Progress} progress
 * @param {AbortSignal} stop
 * @returns {Promise<Settings>}
 */
export async function settings(progress, stop) {
  for (;;) {
    const answer = await fetched('page.json', stop);
    const said = await answer.json();
    if (said.problem) throw new Problem(said.problem);
    if (answer.status !== 202) return said;
    progress(said.stage, 0, 0);
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    if (stop.aborted) throw new Cancelled();
  }
}

/**
 * @param {string} file
 * @param {AbortSignal} stop
 * @returns {Promise<Response>}
 */
async function fetched(file, stop) {
  let answer;
  try {
    answer = await fetch(new URL(file, import.meta.url), { signal: stop });
  } catch {
    if (stop.aborted) throw new Cancelled();
    throw new Problem(`${file} cannot be fetched: the network, or the server, is away; reload the page to try again.`);
  }
  if (!answer.ok && answer.status !== 503) {
    throw new Problem(`${file} cannot be fetched: the server answers ${answer.status}; reload the page to try again.`);
  }
  return answer;
}

/** A worker that can be asked, one question after the other. */
class Asked {
  /** @param {Runtime} runtime */
  constructor(runtime) {
    // A worker from a blob has the page's own Content-Security-Policy; one from a file would have none on a static host.
    const start = `import ${JSON.stringify(new URL('worker.js', import.meta.url).href)}`;
    const address = URL.createObjectURL(new Blob([start], { type: 'text/javascript' }));
    this.worker = new Worker(address, { type: 'module' });
    /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
    this.waiting = new Map();
    this.count = 0;
    /** @type {Error | null} */
    this.ended = null;
    this.worker.onmessage = ({ data: { id, value, problem } }) => {
      const asked = this.waiting.get(id);
      this.waiting.delete(id);
      if (problem === undefined) asked?.resolve(value);
      else asked?.reject(new Problem(`ONNX Runtime Web says: ${problem}`));
    };
    this.worker.onerror = () => this.end(new Problem('The worker could not be started; reload the page to try again.'));
    this.hello = this.ask('hello', { runtime });
    this.hello.then(() => URL.revokeObjectURL(address), () => {});  // who asks it for more is told
  }

  /**
   * @param {string} task see worker.js
   * @param {object} given
   * @returns {Promise<any>}
   */
  ask(task, given) {
    if (this.ended) return Promise.reject(this.ended);
    return new Promise((resolve, reject) => {
      this.waiting.set(++this.count, { resolve, reject });
      this.worker.postMessage({ id: this.count, task, given });
    });
  }

  /** @param {Error} why */
  end(why) {
    this.ended = why;
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(why);
    this.waiting.clear();
  }
}

/** The models, ready to listen. */
export class Device {
  /** @param {Settings} page */
  constructor(page) {
    this.page = page;
    this.threads = globalThis.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency || 1, MOST_THREADS) : 1;
    /** Bytes that were fetched. */
    this.bytes = 0;
    /** @type {Map<string, ArrayBuffer>} by file; kept, as whoever cancels needs them again, and the network may be gone by then */
    this.files = new Map();
    this.opened = false;
    /** @type {Decoder | undefined} */
    this.decoder = undefined;
    /** @type {Runtime} */
    this.runtime = 'wasm';
    this.worker = new Asked(this.runtime);
    this.spare = new Asked(this.runtime);
  }

  /**
   * Open the models, if they are not, and fetch what is not here yet; one is opened while the next is on its way.
   * @param {Progress} progress
   * @param {AbortSignal} stop
   */
  async open(progress, stop) {
    if (this.opened) return;
    const { models } = this.page, { worker, runtime } = this;
    this.decoder ??= await (await fetched('decoder.json', stop)).json();
    const { decoder } = this, ngram = this.ngram();
    const packed = await this.fetch(this.wasm().file, progress, stop);
    const words = ngram && new TextDecoder().decode(await this.fetch(ngram, progress, stop));
    let opening = worker.ask('start', { wasm: await unpacked(packed), threads: this.threads, decoder, ngram: words });
    for (const { name, file } of models) {
      opening.catch(() => {});  // is told below, where nothing else went wrong before
      const bytes = await this.fetch(file, progress, stop);
      opening = opening.then(() => worker.ask('open', { name, bytes, runtime: file === models[0].file ? runtime : 'wasm' }));
    }
    progress('opening the models', 0, 0);
    await opening;
    this.opened = true;
  }

  /**
   * Contents of a file, fetched at the first time.
   * @param {string} file
   * @param {Progress} progress
   * @param {AbortSignal} stop
   * @returns {Promise<ArrayBuffer>}
   */
  async fetch(file, progress, stop) {
    const known = this.files.get(file);
    if (known) return known;
    const before = this.bytes, { models, ngram_bytes } = this.page;
    const total = models.reduce((sum, model) => sum + model.bytes, this.wasm().bytes + (this.ngram() ? ngram_bytes : 0));
    /** @param {number} count */
    const more = (count) => progress('loading', Math.min(this.bytes = before + count, total), total);
    try {
      const contents = await read(await fetched(file, stop), more);
      this.files.set(file, contents);
      return contents;
    } catch (error) {
      this.bytes = before;
      if (stop.aborted) throw new Cancelled();
      throw error instanceof Problem ? error : new Problem(`${file} came in part only; reload the page to try again.`);
    }
  }

  /** The WebAssembly of what runs the models. */
  wasm() {
    const { wasm, wasm_bytes, gpu_wasm, gpu_wasm_bytes } = this.page;
    return this.runtime === 'wasm' ? { file: wasm, bytes: wasm_bytes } : { file: gpu_wasm, bytes: gpu_wasm_bytes };
  }

  /**
   * Have the original run otherwise from the next opening on.
   * @param {Runtime} runtime
   */
  use(runtime) {
    this.runtime = runtime;
    this.spare.end(new Cancelled());
    this.spare = new Asked(runtime);
    this.cancel();
  }

  /**
   * Name of the n-gram, if a browser can read it: KenLM's text form, of a size that leaves room for the models.
   * @returns {string | null}
   */
  ngram() {
    const name = this.decoder?.ngram ?? null;
    return name?.endsWith('.arpa') && this.page.ngram_bytes <= MOST_NGRAM ? name : null;
  }

  /**
   * What a model hears.
   * @param {Model} model
   * @param {Float32Array} wave 16 kHz, mono
   * @param {string} decoder greedy, beam or ngram
   * @returns {Promise<Heard>}
   */
  hear(model, wave, decoder) {
    return this.worker.ask('hear', { name: model.name, wave, decoder });
  }

  /** Stop at once what runs. The next who opens the models has a worker with all its scripts. */
  cancel() {
    this.worker.end(new Cancelled());
    this.opened = false;
    this.worker = this.spare;
    this.spare = new Asked(this.runtime);
  }
}

/**
 * An answer's bytes.
 * @param {Response} answer
 * @param {(count: number) => void} more told how many there are so far
 */
async function read(answer, more) {
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (answer.body).getReader(), parts = [];
  let count = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    more(count += part.value.length);
  }
  return new Blob(parts).arrayBuffer();
}

/**
 * Contents of a .gz; a server may have unpacked them on the way.
 * @param {ArrayBuffer} packed
 */
async function unpacked(packed) {
  const [first, second] = new Uint8Array(packed);
  if (first !== 0x1f || second !== 0x8b) return packed;
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
}
