() => {
  const WIDTH = 1200, HEIGHT = 630, EDGE = 60, FONT = 'system-ui, sans-serif';
  const our = window.asrquant = window.asrquant ?? {};
  const shared = () => JSON.parse(document.querySelector('#cards .aq-answer').dataset.shared);

  // Writes words into lines of a width, at most so many; returns where the next line would be.
  const write = (pen, words, x, y, width, height, most) => {
    const lines = [''];
    for (const word of words.split(/\s+/)) {
      const longer = `${lines.at(-1)} ${word}`.trim();
      if (lines.at(-1) && pen.measureText(longer).width > width) lines.push(word); else lines[lines.length - 1] = longer;
    }
    if (lines.length > most) { lines.length = most; lines[most - 1] += ' …'; }
    for (const line of lines) { pen.fillText(line, x, y, width); y += height; }
    return y;
  };

  our.picture = () => {
    const found = shared(), canvas = document.createElement('canvas');
    canvas.width = WIDTH;
    canvas.height = HEIGHT;
    const pen = canvas.getContext('2d');
    pen.textBaseline = 'top';
    pen.fillStyle = '#ffffff';
    pen.fillRect(0, 0, WIDTH, HEIGHT);
    pen.fillStyle = '#0f766e';
    pen.fillRect(0, 0, WIDTH, 12);
    pen.fillStyle = '#18181b';
    pen.font = `600 36px ${FONT}`;
    write(pen, found.sentence, EDGE, 44, WIDTH - 2 * EDGE, 46, 3);
    const gap = 24, wide = (WIDTH - 2 * EDGE - 2 * gap) / 3;
    found.figures.forEach((figure, index) => {
      const x = EDGE + index * (wide + gap), y = 196;
      pen.fillStyle = '#f4f4f5';
      pen.beginPath();
      pen.roundRect(x, y, wide, 186, 12);
      pen.fill();
      pen.fillStyle = '#52525b';
      pen.font = `600 20px ${FONT}`;
      pen.fillText(figure.title, x + 20, y + 18, wide - 40);
      pen.fillStyle = '#0f766e';
      pen.font = `700 42px ${FONT}`;
      pen.fillText(figure.value, x + 20, y + 48, wide - 40);
      pen.fillStyle = '#3f3f46';
      pen.font = `20px ${FONT}`;
      write(pen, figure.sentence, x + 20, y + 106, wide - 40, 25, 3);
    });
    let y = 408;
    for (const [name, words] of found.texts) {
      pen.fillStyle = '#52525b';
      pen.font = `600 20px ${FONT}`;
      pen.fillText(name, EDGE, y + 4, 190);
      pen.fillStyle = '#18181b';
      pen.font = `26px ${FONT}`;
      write(pen, words || '(no words)', EDGE + 210, y, WIDTH - 2 * EDGE - 210, 32, 1);
      y += 42;
    }
    pen.fillStyle = '#52525b';
    pen.font = `17px ${FONT}`;
    write(pen, `${found.about.join(' ')} · asrquant`, EDGE, HEIGHT - 62, WIDTH - 2 * EDGE, 23, 2);
    return canvas;
  };

  // A link to this page, by its own address: in another site's frame the address bar shows that site's.
  our.link = () => {
    const link = new URL(location.href);
    link.search = '';
    link.hash = '';
    for (const [name, value] of Object.entries(shared().link)) if (value) link.searchParams.set(name, value);
    return link.href;
  };

  const name = () => `asrquant-${shared().link.preset || 'comparison'}`;
  const acts = {
    png: () => new Promise((done) => our.picture().toBlob((picture) => {
      const anchor = document.createElement('a');
      anchor.href = URL.createObjectURL(picture);
      anchor.download = `${name()}.png`;
      anchor.click();
      setTimeout(() => URL.revokeObjectURL(anchor.href), 60_000);
      done('The picture is saved.');
    }, 'image/png')),
    html: async () => {
      const link = document.querySelector('#html');
      (link.querySelector('a') ?? link).click();
      return 'The page is saved.';
    },
    link: async () => {
      const {link} = shared(), done = await our.copy(our.link());
      const own = link.example ? '' : ' It does not have your clip, which is kept for nobody.';
      return done ? `Copied: it opens this page with ${link.preset || 'its settings'}.${own}` : `Copy it from here: ${our.link()}`;
    },
  };

  our.share = async (event) => {
    const button = event.target.closest('button');
    if (!button) return;
    const menu = document.querySelector('#share-menu'), said = document.querySelector('#share-said');
    if (button.id === 'share-button') {
      menu.hidden = !menu.hidden;
      button.setAttribute('aria-expanded', String(!menu.hidden));
      said.textContent = '';
    } else said.textContent = await acts[button.dataset.take]();
  };
}
