// @ts-check
/** The page of an artifact, tried with its own scripts: every clip through both models. What they answer is posted back. */

/**
 * @param {string} name
 * @param {BodyInit} body
 */
const say = (name, body) => fetch(`/said/${name}`, { method: 'POST', body });

async function run() {
  await say('begun', navigator.userAgent);
  const { Device, settings } = await import(/** @type {any} */ ('/device.js'));
  const stop = new AbortController().signal, ignore = () => {};
  const page = await settings(ignore, stop);
  const device = new Device(page);
  await device.open(ignore, stop);
  const count = Number(await (await fetch('/clips')).text());
  for (let clip = 0; clip < count; clip++) {
    const wave = new Float32Array(await (await fetch(`/clips/${clip}`)).arrayBuffer());
    for (const [index, model] of page.models.entries()) {
      const { text, logProbs } = await device.hear(model, wave, 'greedy');
      await say(`log-probs-${index}-${clip}`, logProbs.values);
      await say(`text-${index}-${clip}`, text);
    }
  }
  await say('done', '');
}

run().catch((error) => say('failed', String(error?.message ?? error)));
