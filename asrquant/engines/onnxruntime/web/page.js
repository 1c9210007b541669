// @ts-check
/** The page: what its visitor presses, and what is shown. The work is done by device.js and its worker. */

import { Cancelled, Device, Problem, hasGpu, missing, settings } from './device.js';
import { RATE, Recording, samples } from './sound.js';
import { align } from './words.js';

/** @typedef {import('./device.js').Settings} Settings */
/** @typedef {import('./device.js').Model} Model */
/** @typedef {import('./words.js').Edit} Edit */

/**
 * What a model made of the clip.
 * @typedef {{model: Model, text: string, seconds: number[], decoderSeconds: number}} Result
 */

/** @type {Record<string, string>} */
const DECODERS = {
  ngram: "beam search with the model's n-gram", beam: 'beam search without an n-gram', greedy: 'greedy: the best label of every frame',
};
/** @type {Record<Edit['kind'], string>} */
const SAID = { same: '', changed: 'changed', lost: 'lost when quantized', added: 'added' };
const SHORT = 10, RUNS = 3;
const NO_NGRAM = "The model's n-gram is too large for a browser, or in KenLM's binary form: words are found greedily, and can differ.";

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} [properties]
 * @param {(Node | string)[]} parts
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function element(tag, properties = {}, ...parts) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...parts);
  return made;
}

/** @param {string} id */
const by = (id) => /** @type {any} */ (document.getElementById(id));
/** @param {number} bytes */
const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** @type {Device} */
let device;
/** @type {Settings} */
let page;
/** @type {{name: string, wave: Float32Array} | null} */
let clip = null;
/** @type {Recording | null} */
let recording = null;
let busy = true;
let stop = new AbortController();

/**
 * @param {string} words
 * @param {number} [done]
 * @param {number} [total]
 */
function status(words, done, total) {
  const bar = by('status').querySelector('progress');
  by('status').firstElementChild.textContent = total ? `${words}: ${megabytes(done ?? 0)} of ${megabytes(total)}` : words;
  bar.hidden = !busy || !words;
  if (total) Object.assign(bar, { max: total, value: done });
  else bar.removeAttribute('value');
}

/** @param {string} words */
function problem(words) {
  by('problem').hidden = !words;
  by('problem').textContent = words;
}

const loaded = () => by('decoder').length > 0;

/** @param {boolean} now */
function working(now) {
  busy = now;
  for (const id of ['record', 'file', 'decoder', 'engine']) by(id).disabled = now || !loaded();
  by('again').disabled = now || (loaded() && !clip);
  by('again').textContent = loaded() ? 'Transcribe again' : 'Load the models';
  by('cancel').disabled = !now && !recording;
}

/**
 * Do something that may fail with a sentence; what was cancelled is put right again.
 * @param {() => Promise<void>} what
 */
async function carefully(what) {
  problem('');
  working(true);
  stop = new AbortController();
  try {
    await what();
    if (stop.signal.aborted) throw new Cancelled();
  } catch (error) {
    status('');
    if (error instanceof Cancelled) status('Cancelled.');
    else problem(error instanceof Problem ? error.message : `This went wrong in the browser: ${error}`);
  }
  working(false);
  by('status').querySelector('progress').hidden = true;
}

async function start() {
  if (missing()) throw new Problem(missing());
  const begun = performance.now();
  status('asking for the models');
  page = await settings(status, stop.signal);
  device ??= new Device(page);
  await device.open(status, stop.signal);
  const { decoder, ngram } = /** @type {import('./search.js').Decoder} */ (device.decoder);
  const usual = decoder === 'fast' ? 'ngram' : decoder;
  const offered = Object.keys(DECODERS).filter((name) => name !== 'ngram' || device.ngram());
  by('decoder').replaceChildren(...offered.map((name) => element('option', { value: name }, DECODERS[name])));
  by('decoder').value = offered.includes(usual) ? usual : 'greedy';
  const seconds = (performance.now() - begun) / 1000;
  const threads = `${device.threads} thread${device.threads > 1 ? 's' : ''}`;
  const gpu = await hasGpu();
  by('engine').parentElement.hidden = !gpu;
  by('facts').replaceChildren(
    `Model ${page.source}. ONNX Runtime Web ${page.version}, WebAssembly, ${threads}. Loaded in ${seconds.toFixed(1)} s: `,
    `${megabytes(device.bytes)}. `,
    gpu ? 'This browser has WebGPU, which the original can be run by instead. ' : '',
    ngram && !device.ngram() ? NO_NGRAM : '',
  );
  document.documentElement.dataset.ready = seconds.toFixed(3);
  status('Ready: record something, or choose a file. It stays on this device.');
}

/**
 * @param {Blob} file
 * @param {string} name
 */
async function take(file, name) {
  status('reading the sound');
  clip = { name, wave: await samples(file, name) };
  const player = by('clip').querySelector('audio');
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(file);
  by('clip').firstElementChild.textContent = `${name}, ${(clip.wave.length / RATE).toFixed(1)} s`;
  by('clip').hidden = false;
  await transcribe();
}

async function transcribe() {
  if (!clip) return;
  const { wave } = clip, decoder = by('decoder').value, length = wave.length / RATE;
  by('results').replaceChildren();
  /** @type {Result[]} */
  const results = page.models.map((model) => ({ model, text: '', seconds: [], decoderSeconds: 0 }));
  await device.open(status, stop.signal);
  for (let run = 0; run < (length <= SHORT ? RUNS : 1); run++) {
    for (const result of results) {
      status(`transcribing: ${result.model.name}`);
      const heard = await device.hear(result.model, wave, decoder);
      result.text = heard.text;
      result.seconds.push(heard.seconds);
      result.decoderSeconds = heard.decoderSeconds;
    }
  }
  show(results, length, decoder);
  status('Done.');
}

/**
 * @param {Result[]} results
 * @param {number} length of the clip in seconds
 * @param {string} decoder
 */
function show(results, length, decoder) {
  const [first, second] = results;
  const edits = align(first.text, second.text);
  const changed = edits.filter(({ kind }) => kind !== 'same').length;
  const count = changed ? `${changed} word${changed > 1 ? 's' : ''} changed` : 'no word changed';
  const runs = first.seconds.length;
  const rows = results.map(({ model, seconds, decoderSeconds }, index) => {
    const name = index === 0 && device.runtime === 'webgpu' ? `${model.name}, by WebGPU` : model.name;
    const typical = seconds.toSorted((a, b) => a - b)[Math.floor(runs / 2)];
    const cells = [(typical * 1000).toFixed(0), (typical / length).toFixed(3), (decoderSeconds * 1000).toFixed(0), megabytes(model.bytes)];
    return element('tr', {}, element('th', { scope: 'row' }, name), ...cells.map((cell) => element('td', {}, cell)));
  });
  const heads = ['Model', 'Encoder (ms)', 'RTF', 'Words (ms)', 'Size'].map((head) => element('th', { scope: 'col' }, head));
  const measured = runs > 1 ? `median of ${runs} alternating runs` : 'one run';
  const caption = `On this device: ${length.toFixed(1)} s of sound, ${measured} after a warm-up; ${DECODERS[decoder]}`;
  const legend = element('p', { className: 'quiet' }, 'Marked words differ: ', ...legends());
  by('results').replaceChildren(
    transcript(first.model, edits, 'first', ''),
    transcript(second.model, edits, 'second', `, ${count}`),
    ...(changed ? [legend] : []),
    element('div', { className: 'table', tabIndex: 0 },
      element('table', {}, element('caption', {}, caption), element('thead', {}, element('tr', {}, ...heads)),
        element('tbody', {}, ...rows))),
  );
}

const legends = () => ['changed', 'lost', 'added'].flatMap((kind) => [element('mark', { className: kind }, kind), ' ']);

/**
 * @param {Model} model
 * @param {Edit[]} edits
 * @param {'first' | 'second'} side
 * @param {string} note
 */
function transcript(model, edits, side, note) {
  const words = edits.filter((edit) => edit[side]).flatMap((edit) => [
    edit.kind === 'same' ? edit[side]
      : element('mark', { className: edit.kind }, edit[side], element('span', { className: 'hidden' }, ` (${SAID[edit.kind]})`)),
    ' ',
  ]);
  return element('div', { className: 'transcript' },
    element('h2', {}, `${model.name} `, element('span', {}, model.note + note)),
    element('p', { dir: 'auto' }, ...(words.length ? words : [element('i', { className: 'quiet' }, '(no words)')])));
}

async function record() {
  if (recording) {
    const ended = recording;
    recording = null;
    Object.assign(by('record'), { textContent: 'Record', ariaPressed: 'false' });
    await carefully(async () => take(await ended.end(), 'The recording'));
    return;
  }
  await carefully(async () => {
    recording = await Recording.begin();
    status('');
  });
  if (!recording) return;
  Object.assign(by('record'), { textContent: 'Stop recording', ariaPressed: 'true' });
  by('file').disabled = by('again').disabled = true;
  status('Recording: speak, then press Stop recording.');
}

async function cancel() {
  stop.abort();
  if (!recording) {
    device?.cancel();
    return;
  }
  await recording.end();
  recording = null;
  Object.assign(by('record'), { textContent: 'Record', ariaPressed: 'false' });
  working(false);
  status('Cancelled.');
}

by('record').addEventListener('click', record);
by('cancel').addEventListener('click', cancel);
by('again').addEventListener('click', () => carefully(loaded() ? transcribe : start));
by('decoder').addEventListener('change', () => clip && carefully(transcribe));
by('engine').addEventListener('change', () => {
  device.use(by('engine').value);
  carefully(() => (clip ? transcribe() : device.open(status, stop.signal).then(() => status('Ready.'))));
});
by('controls').addEventListener('submit', (/** @type {Event} */ event) => event.preventDefault());
by('file').addEventListener('change', () => {
  const [file] = by('file').files;
  if (file) carefully(() => take(file, file.name));
  by('file').value = '';
});
document.addEventListener('dragover', (event) => event.preventDefault());
document.addEventListener('drop', (event) => {
  event.preventDefault();
  const file = event.dataTransfer?.files[0];
  if (file && !busy && !recording) carefully(() => take(file, file.name));
});
const theme = new URLSearchParams(location.search).get('theme');
if (theme) document.documentElement.dataset.theme = theme === 'dark' ? 'dark' : 'light';  // of the page that has this one in a frame
carefully(start);
