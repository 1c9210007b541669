// @ts-check
/** A file or the microphone → 16 kHz mono, by what the browser itself decodes and resamples. */

import { Problem } from './device.js';

export const RATE = 16000;
const LONGEST = 60, SHORTEST = 0.1;
const SILENT = 1e-4;

/**
 * Samples of a sound file, whatever of its kinds the browser plays.
 * @param {Blob} file
 * @param {string} name
 * @returns {Promise<Float32Array>}
 */
export async function samples(file, name) {
  let decoded;
  try {
    decoded = await new OfflineAudioContext(1, RATE, RATE).decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Problem(`${name} is no sound that this browser can play; choose another file.`);
  }
  const { numberOfChannels: channels, length } = decoded;
  const mono = new Float32Array(length);
  for (let channel = 0; channel < channels; channel++) {
    decoded.getChannelData(channel).forEach((value, index) => { mono[index] += value / channels; });
  }
  check(mono, name);
  return mono;
}

/**
 * Turn away what is too short, too long or silent.
 * @param {Float32Array} mono
 * @param {string} name
 */
function check(mono, name) {
  const seconds = mono.length / RATE;
  if (seconds < SHORTEST) throw new Problem(`${name} is too short (${seconds.toFixed(3)} s); at least ${SHORTEST} s are needed.`);
  if (seconds > LONGEST) throw new Problem(`${name} is ${seconds.toFixed(1)} s long; at most ${LONGEST} s are taken here.`);
  let low = Infinity, high = -Infinity;
  for (const value of mono) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (!((high - low) / 2 >= SILENT)) throw new Problem(`${name} is silent; check the microphone and record again.`);
}

/** The microphone, from start to stop. */
export class Recording {
  /** @param {MediaStream} stream */
  constructor(stream) {
    this.stream = stream;
    /** @type {Blob[]} */
    this.parts = [];
    this.recorder = new MediaRecorder(stream);
    this.recorder.ondataavailable = ({ data }) => this.parts.push(data);
    this.recorder.start();
  }

  /** Ask for the microphone and begin. */
  static async begin() {
    if (!navigator.mediaDevices?.getUserMedia || typeof MediaRecorder !== 'function') {
      throw new Problem('This page may not use a microphone: browsers allow it to https and localhost only; choose a file.');
    }
    try {
      return new Recording(await navigator.mediaDevices.getUserMedia({ audio: true }));
    } catch {
      throw new Problem('The browser did not give the microphone; allow it for this page, or choose a file.');
    }
  }

  /** @returns {Promise<Blob>} */
  end() {
    return new Promise((resolve) => {
      this.recorder.onstop = () => {
        for (const track of this.stream.getTracks()) track.stop();
        resolve(new Blob(this.parts, { type: this.recorder.mimeType }));
      };
      this.recorder.stop();
    });
  }
}
