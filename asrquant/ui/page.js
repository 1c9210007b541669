() => {
  // Copies the words of the transcript whose button was pressed, and says so on the button.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('.aq-copy');
    if (!button) return;
    const words = button.dataset.words;
    let done = true;
    try {
      await navigator.clipboard.writeText(words);
    } catch {  // in a frame of another site the clipboard is not ours, but a selection may be copied
      const area = document.createElement('textarea');
      area.value = words;
      document.body.append(area);
      area.select();
      done = document.execCommand('copy');
      area.remove();
      button.focus();
    }
    const said = button.firstElementChild;
    said.textContent = done ? 'Copied' : 'Not copied';
    setTimeout(() => { said.textContent = 'Copy'; }, 1500);
  });
}
