() => {
  const still = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
  const our = window.asrquant = window.asrquant ?? {};

  // Copies a text; in a frame of another site the clipboard is not ours, but a selection may be copied.
  our.copy = async (words) => {
    try {
      await navigator.clipboard.writeText(words);
      return true;
    } catch {
      const area = document.createElement('textarea'), before = document.activeElement;
      area.value = words;
      document.body.append(area);
      area.select();
      const done = document.execCommand('copy');
      area.remove();
      before?.focus?.();
      return done;
    }
  };

  // The words of the transcript whose button was pressed; the button says whether that went well.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('.aq-copy');
    if (!button) return;
    const done = await our.copy(button.dataset.words), said = button.firstElementChild;
    said.textContent = done ? 'Copied' : 'Not copied';
    setTimeout(() => { said.textContent = 'Copy'; }, 1500);
  });

  // Brings what was asked for into view, where less than a part of it is there.
  our.bring = (place) => {
    const found = document.querySelector(place), top = found?.getBoundingClientRect().top;
    if (found && !(top >= -40 && top < 0.5 * innerHeight)) {
      found.scrollIntoView({behavior: still() ? 'auto' : 'smooth', block: 'start'});
    }
  };

  // Plays a chip's clip, one at a time; the same button stops it.
  let playing = null, its = null;
  const quiet = () => {
    playing?.pause();
    if (its) { its.value = '▶'; its.setAttribute('aria-label', its.getAttribute('aria-label').replace('Stop', 'Play')); }
    playing = its = null;
  };
  our.play = (chip) => {
    const again = its === chip;
    quiet();
    if (again) return;
    its = chip;
    playing = new Audio(chip.dataset.play);
    chip.value = '■';
    chip.setAttribute('aria-label', chip.getAttribute('aria-label').replace('Play', 'Stop'));
    playing.addEventListener('ended', quiet);
    playing.play().catch(quiet);
  };

  // The buttons for a clip of one's own do what those in the clip's frame do, wherever that stands now.
  const soon = async (find, tries = 60) => {
    for (; tries; tries--) {
      const found = find();
      if (found) return found;
      await new Promise((done) => setTimeout(done, 50));
    }
    return null;
  };
  our.own = async (what) => {
    quiet();
    const clip = document.querySelector('#clip');
    clip.scrollIntoView({behavior: still() ? 'auto' : 'smooth', block: 'center'});
    clip.querySelector('button[aria-label="Clear"]')?.click();
    const source = what === 'record' ? 'Record audio' : 'Upload file';
    (await soon(() => clip.querySelector(`button[aria-label="${source}"]`)))?.click();
    if (what === 'record') (await soon(() => clip.querySelector('.record-button')))?.click();
    else (await soon(() => clip.querySelector('input[type=file]')))?.click();
  };

  // One tip for all words that explain themselves; it comes by pointer and by keyboard, and Escape sends it away.
  const tip = document.createElement('div');
  tip.id = 'aq-tip';
  tip.role = 'tooltip';
  tip.hidden = true;
  document.body.append(tip);
  let told = null;
  const hide = () => { told?.removeAttribute('aria-describedby'); told = null; tip.hidden = true; };
  const tell = (event) => {
    const word = event.target.closest?.('[data-tip]');
    if (!word) { if (!event.target.closest?.('#aq-tip')) hide(); return; }
    if (word === told) return;
    hide();
    told = word;
    tip.textContent = word.dataset.tip;
    tip.hidden = false;
    word.setAttribute('aria-describedby', 'aq-tip');
    const at = word.getBoundingClientRect(), size = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
    const below = at.bottom + 6 + size.height < innerHeight;
    tip.style.top = `${below ? at.bottom + 6 : Math.max(4, at.top - size.height - 6)}px`;
  };
  document.addEventListener('mouseover', tell);
  document.addEventListener('focusin', tell);
  document.addEventListener('scroll', hide, {capture: true, passive: true});
  document.addEventListener('keydown', (event) => { if (event.key === 'Escape') hide(); });

  // What a result comes to is said to a screen reader once, when it is there.
  const live = document.createElement('div');
  live.id = 'aq-live';
  live.className = 'aq-hidden';
  live.setAttribute('role', 'status');
  document.body.append(live);
  new MutationObserver(() => {
    const said = document.querySelector('#lineup .aq-sentence') ?? document.querySelector('#cards .aq-sentence');
    const words = said?.textContent ?? '';
    if (words && live.textContent !== words) live.textContent = words;
  }).observe(document.body, {childList: true, subtree: true});

  document.addEventListener('click', (event) => {
    const opens = event.target.closest('[data-dialog]');
    if (opens) document.getElementById(opens.dataset.dialog)?.showModal();
    if (event.target.matches?.('dialog')) event.target.close();  // beside it
  });
}
