// Of the files that are chosen or dropped as the clip, lets sound and films through and says of the others that they are none.
// Gradio knows audio types only, and shows a film or a type that the browser does not know as a mistake.
const isSound = (file) =>
  settings.endings.some((ending) => file.name.toLowerCase().endsWith(ending)) ||
  ['', 'application/octet-stream'].includes(file.type) || /^(audio|video)\//.test(file.type);

const say = (words) => {
  if (!words) { props.value = ''; return; }
  const box = document.createElement('div');
  box.innerHTML = settings.problem;
  box.firstElementChild.append(words);
  props.value = box.innerHTML;
};

const given = (file) => {  // the file as Gradio takes it, or none
  const files = new DataTransfer();
  say(isSound(file) ? '' : `${file.name} ${settings.sentence}`);
  if (isSound(file)) files.items.add(new File([file], file.name, {type: file.type.startsWith('audio/') ? file.type : 'audio/*'}));
  return files;
};

document.addEventListener('click', (event) => {  // before Gradio opens the file chooser
  const input = event.target.closest?.('#clip')?.querySelector('input[type=file]');
  if (input) input.accept = [...settings.endings, 'audio/*', 'video/*'].join(',');
}, true);

document.addEventListener('change', (event) => {
  if (!event.target.matches?.('#clip input[type=file]') || !event.target.files.length) return;
  event.target.files = given(event.target.files[0]).files;
  if (!event.target.files.length) event.stopImmediatePropagation();
}, true);

document.addEventListener('dragover', (event) => {  // or the browser leaves the page to show a file that is dropped
  if (event.target.closest?.('#clip')) event.preventDefault();
});

document.addEventListener('drop', (event) => {
  const clip = event.target.closest?.('#clip');
  if (!clip || event.passed || !event.dataTransfer?.files.length) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const place = clip.querySelector('input[type=file]');
  const again = new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: given(event.dataTransfer.files[0])});
  again.passed = true;
  event.target.dispatchEvent(again);
  if (!place && again.dataTransfer.files.length) say('A file can be dropped here after the upload button, or × for another clip.');
}, true);
